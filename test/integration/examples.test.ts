import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

let broker: AedesHarness;
let directory: string;
beforeAll(async () => {
  broker = await openAedes();
  directory = await mkdtemp(join(tmpdir(), 'setpoint-'));
});
afterAll(async () => {
  await broker.close();
  await rm(directory, { recursive: true, force: true });
});

/** Runs an example to its end, in a directory of its own so that it leaves nothing here. */
async function run(name: string): Promise<{ readonly code: unknown; readonly lines: string[]; readonly log: string }> {
  const child = spawn(process.execPath, [join(examples, name, 'main.ts')], {
    cwd: directory,
    env: { PATH: process.env.PATH, MQTT_URL: broker.url },
  });
  const [output, log, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, lines: output.trimEnd().split('\n'), log };
}

describe('the example', () => {
  it.each([
    ['domain-wrapper', ['the lamp in the hall is on at 0.8', 'the lamp in the kitchen is on at 0.8']],
    ['batching', ['10 readings of the cellar', '10 readings of the cellar', '3 readings of the cellar']],
    ['plain-mqtt-client', ['MQTT.js is connected: true, keepalive 15 s']],
    [
      'callbacks',
      [
        'connected, session 1',
        'disconnected: to see what happens',
        'connected, session 2',
        'door/front/bell {"rings":2}',
      ],
    ],
    [
      'logger',
      [
        'WARN no trusted keys: every snapshot that the broker delivers is believed service=oven',
        'WARN no snapshot, live or kept: started on the defaults of the schema service=oven',
        'WARN the handler of oven/door threw (the door is hot)',
      ],
    ],
  ])('%s does what it says, and ends', async (name, expected) => {
    const { code, lines, log } = await run(name);
    expect({ code, lines }, log).toEqual({ code: 0, lines: expected });
  });

  it.each(['domain-wrapper', 'batching', 'plain-mqtt-client', 'callbacks', 'logger'])('%s is short', async (name) => {
    for (const file of (await readdir(join(examples, name))).filter((file) => file.endsWith('.ts'))) {
      expect((await readFile(join(examples, name, file), 'utf8')).split('\n').length).toBeLessThanOrEqual(60);
    }
  });
});
