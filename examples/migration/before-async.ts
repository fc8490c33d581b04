import { randomUUID } from 'node:crypto';
import mqtt from 'mqtt';
import { z } from 'zod';

const schema = z.object({ target: z.number().default(20) });
const reading = z.object({ id: z.string(), celsius: z.number() });
const valve = z.object({ isOpen: z.boolean() });
const question = z.object({ id: z.string(), replyTo: z.string() });
const answer = z.object({ id: z.string(), target: z.number() });

const url = process.env.MQTT_URL;
if (!url) throw new Error('MQTT_URL is not set');
const instance = `thermostat-${randomUUID().slice(0, 8)}`;
const healthTopic = `health/${instance}`;
const replyTopic = `reply/${instance}`;
const askTimeoutMs = 5000;
const dedupeMs = 30_000;
const maxRemembered = 2048;

const started = Promise.withResolvers<void>();
const switched = Promise.withResolvers<void>();
const changed = Promise.withResolvers<void>();
let settings: z.output<typeof schema> | undefined;
const seen = new Map<string, number>();
const waiting = new Map<string, (target: number) => void>();

const client = await mqtt.connectAsync(url, {
  clientId: instance,
  keepalive: 15,
  reconnectPeriod: 1000,
  will: { topic: healthTopic, payload: JSON.stringify({ state: 'offline' }), qos: 1, retain: true },
});
client.on('error', (error) => console.error('mqtt', error.message));
client.on('connect', () => void say(settings ? 'ready' : 'starting'));
client.on('message', (topic, payload) => {
  dispatch(topic, payload.toString()).catch((error) => console.error(topic, error));
});

const publish = (topic: string, data: object, retain = false) =>
  client.publishAsync(topic, JSON.stringify(data), { qos: 1, retain });
const say = (state: string) =>
  publish(healthTopic, { state }, true).catch((error) => console.error('health', error.message));

const handlers: readonly [RegExp, (data: unknown, room: string) => Promise<unknown> | unknown][] = [
  [/^thermostat\/config$/, takeSettings],
  [/^thermostat\/ask$/, onQuestion],
  [new RegExp(`^${replyTopic}$`), onAnswer],
  [/^sensor\/([^/]+)\/celsius$/, onReading],
  [/^valve\/([^/]+)\/state$/, onValve],
];

async function dispatch(topic: string, text: string): Promise<void> {
  const data: unknown = JSON.parse(text);
  for (const [pattern, handle] of handlers) {
    const match = pattern.exec(topic);
    if (match) await handle(data, match[1] ?? '');
  }
}

function isKnown(id: string): boolean {
  const now = Date.now();
  for (const [known, at] of seen) {
    if (now - at < dedupeMs && seen.size <= maxRemembered) break;
    seen.delete(known);
  }
  if (seen.has(id)) return true;
  seen.set(id, now);
  return false;
}

async function takeSettings(data: unknown): Promise<void> {
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    console.error('the configuration does not fit; the old one stays', parsed.error.message);
    await say('degraded');
    return;
  }
  const isFirst = settings === undefined;
  if (settings?.target === parsed.data.target) return;
  settings = Object.freeze(parsed.data);
  console.log(`target ${settings.target}`);
  if (isFirst) started.resolve();
  else changed.resolve();
  await say('ready');
}

async function onReading(data: unknown, room: string): Promise<void> {
  const { id, celsius } = reading.parse(data);
  if (isKnown(id)) return;
  await publish(`valve/${room}/state`, { isOpen: celsius < (settings?.target ?? 0) });
}

function onValve(data: unknown, room: string): void {
  const { isOpen } = valve.parse(data);
  console.log(`${room} ${isOpen ? 'opens' : 'closes'}`);
  switched.resolve();
}

async function onQuestion(data: unknown): Promise<void> {
  const { id, replyTo } = question.parse(data);
  if (!isKnown(id)) await publish(replyTo, { id, target: settings?.target });
}

function onAnswer(data: unknown): void {
  const { id, target } = answer.parse(data);
  waiting.get(id)?.(target);
}

async function ask(): Promise<number> {
  const id = randomUUID();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => reject(new Error('no answer')), askTimeoutMs);
  waiting.set(id, resolve);
  try {
    await publish('thermostat/ask', { id, replyTo: replyTopic });
    return await promise;
  } finally {
    clearTimeout(timer);
    waiting.delete(id);
  }
}

const filters = ['thermostat/config', 'sensor/+/celsius', 'valve/+/state', 'thermostat/ask', replyTopic];
for (const { topic, qos } of await client.subscribeAsync(filters, { qos: 1 })) {
  if (qos === 128) console.error(`${topic} was refused`);
}
const heartbeat = setInterval(() => void client.publishAsync(`alive/${instance}`, '{}', { qos: 0 }), 5000);
const giveUp = setTimeout(() => void takeSettings({}), 3000);
await started.promise;
clearTimeout(giveUp);
await publish('sensor/kitchen/celsius', { id: randomUUID(), celsius: 17 });
await switched.promise;
console.log(`asked: ${await ask()}`);
await changed.promise;

clearInterval(heartbeat);
await say('offline');
await client.endAsync();
