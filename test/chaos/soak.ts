// Two services on a real broker, one of which sends the other SOAK_RATE messages a second (1000) for SOAK_MINUTES (30).
// Reports memory every minute, counted after a garbage collection, and ends with 1 where the heap has grown or a message
// is missing. SOAK_URL names a broker; without it there is Mosquitto where it can be had, else aedes in this process.
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@setpoint/client';
import { openAedes } from '@setpoint/test-support/brokers/aedes';
import { hasMosquitto, openMosquitto } from '@setpoint/test-support/brokers/mosquitto';
import { pino } from 'pino';

const minutes = Number(process.env.SOAK_MINUTES ?? 30);
const perSecond = Number(process.env.SOAK_RATE ?? 1000);
/** A batch every so often. Milliseconds. */
const tickMs = 10;
/** What a heap may differ by without anything growing. Bytes. */
const noiseBytes = 10_000_000;

const collect: () => void = (globalThis as { gc?: () => void }).gc ?? (() => undefined);
const broker = process.env.SOAK_URL ? undefined : await ((await hasMosquitto()) ? openMosquitto() : openAedes());
const url = process.env.SOAK_URL ?? String(broker?.url);
const logger = pino({ level: 'warn' });
const open = (service: string) => connect({ url, service, prefix: 'soak', logger });

const [sender, receiver] = await Promise.all([open('sender'), open('receiver')]);
let received = 0;
const results: Record<string, number> = {};
const subscription = receiver.messenger.subscribe('soak/numbers/+', () => {
  received += 1;
});
await subscription.ready;

const heaps: number[] = [];
const report = (minute: number, sent: number): void => {
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  heaps.push(heapUsed);
  const mb = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`;
  const line = `minute ${minute}: heap ${mb(heapUsed)}, rss ${mb(rss)}, sent ${sent}, received ${received}`;
  process.stdout.write(`soak: ${line}, ${JSON.stringify(results)}\n`);
};

const beginMs = performance.now();
const endMs = minutes * 60_000;
let sent = 0;
let minute = 0;
const underWay = new Set<Promise<void>>();
for (let nowMs = 0; nowMs < endMs; nowMs = performance.now() - beginMs) {
  const due = Math.floor((nowMs / 1000) * perSecond);
  for (; sent < due; sent += 1) {
    const one = sender.messenger.publish(`soak/numbers/${sent % 100}`, { number: sent }).then(({ status }) => {
      results[status] = (results[status] ?? 0) + 1;
    });
    underWay.add(one);
    void one.finally(() => underWay.delete(one));
  }
  if (nowMs >= minute * 60_000) report(minute++, sent);
  await delay(tickMs);
}
await Promise.allSettled(underWay);
// What was acknowledged may still be on its way to the other side.
await delay(1000);
report(minute, sent);
await Promise.all([sender.stop(), receiver.stop()]);
await broker?.close();

// The first minute fills caches.
const [, first = 0] = heaps;
const last = heaps.at(-1) ?? 0;
const isFlat = heaps.length < 3 || last - first < noiseBytes;
const isComplete = received === sent;
process.stdout.write(`soak: ${isFlat ? 'memory is flat' : 'memory has grown'}, ${sent - received} messages missing\n`);
if (!isFlat || !isComplete) process.exitCode = 1;
