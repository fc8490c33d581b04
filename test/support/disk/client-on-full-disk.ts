import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createMemoryBroker } from '@setpoint/bus/memory';
import { connect } from '@setpoint/client';
import { z } from 'zod';
import { sealSnapshot, snapshotOf } from '../samples.ts';
import { fillDisk, freeDisk } from './filled.ts';

// A service whose cache lies on a disk that gets full and has room again. Prints what it saw, as one line of JSON.
const schema = z.object({ threshold: z.number().default(0.5), ballast: z.string().default('') });
const cacheDir = '/disk/cache';
const file = `${cacheDir}/vad@config-authority.json`;
/** A whole page and more, so that no version fits into what is left of a page. */
const ballast = 'x'.repeat(20_000);

const broker = createMemoryBroker();
const authority = broker.connect();
await authority.start();
async function publish(version: number): Promise<void> {
  const snapshot = snapshotOf(version, { threshold: version / 10, ballast });
  await authority.publish('config/vad/snapshot', sealSnapshot(snapshot), { retain: true });
}

async function start(folder: string, isOnline = true) {
  const logs: string[] = [];
  const log = (fields: object, message: string): void => {
    logs.push(`${message}${'err' in fields ? `: ${String(fields.err)}` : ''}`);
  };
  const reachable = isOnline ? broker : createMemoryBroker({ allow: () => false });
  const connection = await connect({
    bus: (options) => reachable.connect(options),
    service: 'vad',
    schema,
    cacheDir: folder,
    startTimeoutMs: isOnline ? 10_000 : 50,
    logger: { debug: () => undefined, info: () => undefined, warn: log, error: log },
  });
  const seen = () => ({ state: connection.state, threshold: connection.current.threshold });
  return { connection, logs, seen };
}

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`it was not so within 20 s: ${holds}`);
    await delay(10);
  }
}

function keptVersion(): number | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).data.version;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

const seen: Record<string, unknown> = {};
await publish(1);
const first = await start(cacheDir);
await until(() => keptVersion() === 1);

fillDisk();
await publish(2);
await until(() => first.logs.some((line) => line.includes('could not be kept')));
seen.full = { ...first.seen(), kept: keptVersion(), files: readdirSync(cacheDir).toSorted(), logs: first.logs };
await first.connection.stop();

const alone = await start(cacheDir, false);
seen.alone = alone.seen();
await alone.connection.stop();

const fresh = await start('/disk/fresh');
await until(() => fresh.logs.some((line) => line.includes('could not be kept')));
seen.fresh = { ...fresh.seen(), logs: fresh.logs };
await fresh.connection.stop();

const again = await start(cacheDir);
await until(() => again.logs.some((line) => line.includes('could not be kept')));
freeDisk();
await publish(3);
await until(() => keptVersion() === 3);
seen.roomAgain = again.seen();
await again.connection.stop();
seen.left = readdirSync(cacheDir).toSorted();

// A file system that nobody can write to: with a good file on it.
const readOnly = await start('/read-only');
await until(() => readOnly.logs.some((line) => line.includes('could not be kept')));
seen.readOnly = { ...readOnly.seen(), logs: readOnly.logs };
await readOnly.connection.stop();
const readOnlyAlone = await start('/read-only', false);
seen.readOnlyAlone = { ...readOnlyAlone.seen(), logs: readOnlyAlone.logs };
await readOnlyAlone.connection.stop();
await authority.stop();
console.log(JSON.stringify(seen));
