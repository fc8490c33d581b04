import { createMemoryBroker } from '@setpoint/bus/memory';
import { connect } from '@setpoint/client';
import { z } from 'zod';
import { sealSnapshot, snapshotOf } from './samples.ts';

// A service as a process of its own, with a broker in its memory, for tests of what it leaves on disk and finds there:
// <folder> <the version at the broker, 0 for none> <a version that is published later and hangs its handler, or 0>.
const [cacheDir, first, second] = process.argv.slice(2) as [string, string, string];
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const log = (_: object, message: string): void => say(`log ${message}${'err' in _ ? `: ${String(_.err)}` : ''}`);

const broker = createMemoryBroker();
const authority = broker.connect();
await authority.start();
const publish = (version: number): Promise<void> =>
  authority.publish('config/vad/snapshot', sealSnapshot(snapshotOf(version, { threshold: version / 10 })), {
    retain: true,
  });
if (first !== '0') await publish(Number(first));
const config = await connect({
  bus: (options) => broker.connect(options),
  service: 'vad',
  instance: 'vad-1',
  schema: z.object({ threshold: z.number().default(0.5) }),
  cacheDir,
  startTimeoutMs: first === '0' ? 50 : 10_000,
  logger: { debug: log, info: log, warn: log, error: log },
});
config.onChange(({ version }) => {
  say(`committing ${version}`);
  if (version === Number(second)) for (;;);
});
const { error } = config.health();
say(`up ${config.current.threshold} ${config.state}${error ? ` ${error.code}` : ''}`);
if (second !== '0') await publish(Number(second));
setInterval(() => {}, 1000);
