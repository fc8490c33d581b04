import { readFile } from 'node:fs/promises';
import { connect } from '@setpoint/client';
import { type Lamp, lampSchema } from './lamp.ts';
import type { Sight } from './witness.ts';

// An instance as a process of its own, to be killed: <url> <prefix> <instance> <cache folder> <trusted keys file>. Writes
// a line for every document that comes into force.
const [url, prefix, instance, cacheDir, keysFile] = process.argv.slice(2) as [string, string, string, string, string];
const trustedKeys = JSON.parse(await readFile(keysFile, 'utf8'));
const options = { url, prefix, instance, service: 'lamp', schema: lampSchema, cacheDir, trustedKeys };
const connection = await connect({ ...options, withoutSnapshot: 'wait', heartbeatIntervalMs: 1000 });

const tell = (document: Lamp): void => {
  const { epoch = 0, version = 0 } = connection.stamp ?? {};
  const sight: Sight = { epoch, version, document };
  process.stdout.write(`${JSON.stringify(sight)}\n`);
};
tell(connection.current);
connection.onChange(({ current }) => tell(current));
