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
const startTimeoutMs = 3000;
const askTimeoutMs = 5000;
const heartbeatMs = 5000;
const dedupeMs = 30_000;
const maxRemembered = 2048;

let settings: z.output<typeof schema> | undefined;
const seen = new Map<string, number>();
const waiting = new Map<string, (target: number) => void>();

const client = mqtt.connect(url, {
  clientId: instance,
  keepalive: 15,
  reconnectPeriod: 1000,
  will: { topic: healthTopic, payload: JSON.stringify({ state: 'offline' }), qos: 1, retain: true },
});
client.on('error', (error) => console.error('mqtt', error.message));

const subscriptions = ['thermostat/config', 'sensor/+/celsius', 'valve/+/state', 'thermostat/ask', replyTopic];
let heartbeat: NodeJS.Timeout | undefined;
client.on('connect', () => {
  client.subscribe(subscriptions, { qos: 1 }, (error, granted) => {
    if (error) console.error('subscribe', error.message);
    for (const { topic, qos } of granted ?? []) if (qos === 128) console.error(`${topic} was refused`);
    if (settings === undefined) return;
    sayReady();
  });
  clearInterval(heartbeat);
  heartbeat = setInterval(() => client.publish(`alive/${instance}`, '{}', { qos: 0 }), heartbeatMs);
});
client.on('close', () => clearInterval(heartbeat));

function sayReady(): void {
  publish(healthTopic, { state: 'ready' }, true);
}

function publish(topic: string, data: object, retain = false): void {
  client.publish(topic, JSON.stringify(data), { qos: 1, retain }, (error) => {
    if (error) console.error('publish', topic, error.message);
  });
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

client.on('message', (topic, payload) => {
  let data: unknown;
  try {
    data = JSON.parse(payload.toString());
  } catch {
    console.error(`${topic}: no JSON`);
    return;
  }
  try {
    dispatch(topic, data);
  } catch (error) {
    console.error(topic, error);
  }
});

function dispatch(topic: string, data: unknown): void {
  const [first, room] = topic.split('/');
  if (topic === 'thermostat/config') takeSettings(data);
  else if (topic === 'thermostat/ask') onQuestion(data);
  else if (topic === replyTopic) onAnswer(data);
  else if (first === 'sensor' && room !== undefined) onReading(room, data);
  else if (first === 'valve' && room !== undefined) onValve(room, data);
}

function takeSettings(data: unknown): void {
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    console.error('the configuration does not fit; the old one stays', parsed.error.message);
    publish(healthTopic, { state: 'degraded' }, true);
    return;
  }
  const isFirst = settings === undefined;
  if (settings?.target === parsed.data.target) return;
  settings = Object.freeze(parsed.data);
  sayReady();
  console.log(`target ${settings.target}`);
  if (isFirst) started.resolve();
  else changed.resolve();
}

function onReading(room: string, data: unknown): void {
  const { id, celsius } = reading.parse(data);
  if (isKnown(id)) return;
  publish(`valve/${room}/state`, { isOpen: celsius < (settings?.target ?? 0) });
}

function onValve(room: string, data: unknown): void {
  const { isOpen } = valve.parse(data);
  console.log(`${room} ${isOpen ? 'opens' : 'closes'}`);
  switched.resolve();
}

function onQuestion(data: unknown): void {
  const { id, replyTo } = question.parse(data);
  if (!isKnown(id)) publish(replyTo, { id, target: settings?.target });
}

function onAnswer(data: unknown): void {
  const { id, target } = answer.parse(data);
  waiting.get(id)?.(target);
}

function ask(): Promise<number> {
  const id = randomUUID();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.delete(id);
      reject(new Error('no answer'));
    }, askTimeoutMs);
    waiting.set(id, (target) => {
      clearTimeout(timer);
      waiting.delete(id);
      resolve(target);
    });
    publish('thermostat/ask', { id, replyTo: replyTopic });
  });
}

const started = Promise.withResolvers<void>();
const switched = Promise.withResolvers<void>();
const changed = Promise.withResolvers<void>();
const giveUp = setTimeout(() => takeSettings({}), startTimeoutMs);
await started.promise;
clearTimeout(giveUp);
publish('sensor/kitchen/celsius', { id: randomUUID(), celsius: 17 });
await switched.promise;
console.log(`asked: ${await ask()}`);
await changed.promise;

clearInterval(heartbeat);
client.publish(healthTopic, JSON.stringify({ state: 'offline' }), { qos: 1, retain: true }, () => client.end());
