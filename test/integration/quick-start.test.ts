import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { availableSocketBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const programs = fileURLToPath(new URL('../../examples/quick-start/', import.meta.url));

/** What each says. Lines that two handlers say at the same time have no order. */
const scenarios: readonly (readonly [name: string, lines: readonly string[]])[] = [
  ['minimal', ['brightness 5', 'published: sent']],
  ['subscribe', ['it rang at the front door', 'it rang at the back door', 'received 2']],
  ['scope', ['heats to 20', 'closed', 'after the scope']],
  ['health', ['the fan says of itself: ready', 'the fan is ready', 'the fan is offline']],
  ['wildcards', ['+ room/hall/light', '# room/hall/light', '# room/hall/light/left', '# room']],
  ['correlation', ['11 12 13', 'item 1', 'item 2', 'item 3']],
];

/** Whether its "starting" is still what the broker has when somebody asks is a race of two connections. */
const isExpectedAlways = (line: string): boolean => line !== 'the fan is starting';

it('the quick start is short', async () => {
  const files = (await readdir(programs)).filter((file) => file.endsWith('.ts'));
  expect(files.sort()).toEqual(scenarios.map(([name]) => `${name}.ts`).sort());
  for (const file of files) {
    const lines = (await readFile(join(programs, file), 'utf8')).trimEnd().split('\n');
    expect([file, lines.length <= 25]).toEqual([file, true]);
  }
});

for (const kind of await availableSocketBrokers()) {
  describe(`a quick start over ${kind.name}`, () => {
    let broker: BrokerHarness;
    let directory: string;
    beforeAll(async () => {
      broker = await kind.open();
      // Of its own, so that it leaves no last good document here.
      directory = await mkdtemp(join(tmpdir(), 'setpoint-'));
    });
    afterAll(async () => {
      await broker.close();
      await rm(directory, { recursive: true, force: true });
    });

    it.each(scenarios)('%s does what it says, and ends', async (name, expected) => {
      const child = spawn(process.execPath, [join(programs, `${name}.ts`)], {
        cwd: directory,
        env: { PATH: process.env.PATH, MQTT_URL: broker.url },
      });
      const [output, log, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
      const lines = output.trimEnd().split('\n').filter(isExpectedAlways);
      expect({ code, lines: lines.toSorted() }, log).toEqual({ code: 0, lines: expected.toSorted() });
    });
  });
}
