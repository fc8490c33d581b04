import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import { createFakeAuthority } from '@setpoint/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const programs = fileURLToPath(new URL('../../examples/migration/', import.meta.url));
const guide = fileURLToPath(new URL('../../docs/migrating-from-mqtt.md', import.meta.url));

const expected = ['target 21', 'kitchen opens', 'asked: 21', 'target 16'];

/** Publishes the configuration of the thermostat; returns what changes it. */
type Publish = (target: number) => Promise<unknown>;

async function run(broker: AedesHarness, name: string, publish: Publish): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'setpoint-'));
  const child = spawn(process.execPath, [join(programs, `${name}.ts`)], {
    cwd: directory,
    env: { PATH: process.env.PATH, MQTT_URL: broker.url },
  });
  const log = text(child.stderr);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    // Only now, so that it is taken over live.
    if (line === 'asked: 21') void publish(16);
  });
  const [code] = await once(child, 'close');
  await rm(directory, { recursive: true, force: true });
  expect({ code, lines }, await log).toEqual({ code: 0, lines: expected });
}

describe('one service, three times', () => {
  let broker: AedesHarness;
  beforeAll(async () => {
    broker = await openAedes();
  });
  afterAll(() => broker.close());

  it.each(['before-mqtt-js', 'before-async'])('%s does what the guide says', async (name) => {
    await using operator = broker.connect();
    await operator.start();
    const publish: Publish = (target) =>
      operator.publish('thermostat/config', JSON.stringify({ target }), { retain: true });
    await publish(21);
    await run(broker, name, publish);
  });

  it('the example after the migration does the same', async () => {
    await using authority = await createFakeAuthority({ bus: broker.connect(), service: 'thermostat' });
    const publish: Publish = (target) => authority.publish({ target });
    await publish(21);
    await run(broker, 'after', publish);
  });
});

/** Neither empty nor a comment. */
const isCode = (line: string): boolean => !/^\s*(\/\/.*)?$/.test(line);

it('the example after the migration has at most half the lines, and the guide says how many', async () => {
  const count = async (name: string): Promise<number> =>
    (await readFile(join(programs, `${name}.ts`), 'utf8')).split('\n').filter(isCode).length;
  const [callbacks, promises, after] = await Promise.all([
    count('before-mqtt-js'),
    count('before-async'),
    count('after'),
  ]);
  expect(after / callbacks).toBeLessThanOrEqual(0.5);
  expect(after / promises).toBeLessThanOrEqual(0.5);
  const less = (before: number): string => `${Math.round((1 - after / before) * 100)} %`;
  expect(await readFile(guide, 'utf8')).toContain(`| program | lines of code | less |
|---|---|---|
| [before-mqtt-js.ts](../examples/migration/before-mqtt-js.ts) | ${callbacks} | |
| [before-async.ts](../examples/migration/before-async.ts) | ${promises} | |
| [after.ts](../examples/migration/after.ts) | ${after} | ${less(callbacks)} and ${less(promises)} |
`);
});
