import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { createEnvelopeWriter, type JsonObject } from '@setpoint/protocol';
import { type AuthorityProcess, spawnAuthority } from '@setpoint/test-support/authority-process';
import { freePort } from '@setpoint/test-support/free-port';
import { createWatcher } from '@setpoint/test-support/watcher';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let root: string;
let running: AuthorityProcess[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'setpoint-'));
  await mkdir(join(root, 'config'));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((authority) => authority.end('SIGKILL')));
  await rm(root, { recursive: true, force: true });
});

const write = (name: string, text: string): Promise<void> => writeFile(join(root, 'config', name), text);

const schema = JSON.stringify({
  type: 'object',
  properties: { gap: { type: 'integer', default: 5 }, on: { type: 'boolean' } },
});

async function start(environment: Record<string, string> = {}, args: readonly string[] = []) {
  const port = String(await freePort());
  const authority = spawnAuthority(
    {
      SETPOINT_BROKER_PORT: port,
      SETPOINT_CONFIG_DIR: join(root, 'config'),
      SETPOINT_DATA_DIR: join(root, 'data'),
      ...environment,
    },
    args,
  );
  running.push(authority);
  return { authority, url: `mqtt://127.0.0.1:${port}` };
}

/** Starts, does something with what an instance would see, and stops. */
async function during(
  environment: Record<string, string>,
  args: readonly string[],
  look: (on: {
    until: (values: JsonObject) => Promise<unknown>;
    merge: (patch: JsonObject) => Promise<void>;
    authority: AuthorityProcess;
  }) => Promise<void>,
): Promise<void> {
  const { authority, url } = await start(environment, args);
  await authority.up;
  const bus = createMqttBus({ url, clientId: 'watcher' });
  await bus.start();
  const snapshots = createWatcher(bus, 'config/vad/snapshot');
  const writer = createEnvelopeWriter({ source: '/operator/ann' });
  await look({
    authority,
    until: (values) => snapshots.until(({ json }) => JSON.stringify(json?.data.values) === JSON.stringify(values)),
    async merge(patch) {
      const data = { service: 'vad', op: 'merge' as const, author: 'ann', patch };
      await bus.publish('config/vad/request', writer.seal({ type: 'setpoint.request.v1', subject: 'vad', data }).bytes);
    },
  });
  await bus.stop();
  expect(await authority.end('SIGTERM')).toBe(0);
}

describe('the layers of an authority', () => {
  it('Layer-01-Precedence: layers rank default, YAML, environment, runtime, argument, and removing one uncovers the next', async () => {
    await write('vad.schema.json', schema);
    await write('vad.yaml', 'gap: 10\n');
    const environment = { SETPOINT_CFG__VAD__GAP: '15' };
    await during(environment, ['--set', 'vad/gap=20'], async ({ until, merge }) => {
      await until({ gap: 20 });
      await merge({ gap: 17, on: true });
      await until({ gap: 20, on: true });
    });
    await during(environment, [], async ({ until, merge }) => {
      await until({ gap: 17, on: true });
      await merge({ gap: null, on: null });
      await until({ gap: 15 });
    });
    await during({}, [], async ({ until }) => {
      await until({ gap: 10 });
      await write('vad.yaml', '{}');
      await until({ gap: 5 });
    });
  });

  it('Layer-02-Reload-Keeps: sources are read again at SIGHUP, and the settings of operators and arguments stay', async () => {
    await write('vad.schema.json', schema);
    await write('vad.yaml', 'gap: 10\n');
    await write('.env', 'SETPOINT_CFG__VAD__ON=true\n');
    await during({}, ['--set', 'vad/on=false'], async ({ until, merge, authority }) => {
      await until({ gap: 10, on: false });
      await merge({ gap: 17 });
      await until({ gap: 17, on: false });
      authority.hangUp();
      await expect.poll(() => authority.output, { timeout: 30_000 }).toContain('the sources are read');
      expect(authority.output).not.toContain('"version":3');
    });
    await during({}, [], async ({ until }) => void (await until({ gap: 17, on: true })));
  });
});

describe('a start with sources that are wrong', () => {
  it('Layer-03-Faults-Stop-A-Start: ends with every fault of every service, and exit code 1', async () => {
    await write('vad.schema.json', schema);
    await write('vad.yaml', 'gap: many\non: 3\n');
    await write('asr.yaml', 'host: ${NO_SUCH_VARIABLE}\nurl: ${ref:/none}\n');
    await write('tts.yaml', 'a: [1\n');
    const { authority } = await start({ SETPOINT_CFG__VAD__GAP: 'hunter', SETPOINT_STRICT_START: 'true' });
    expect(await authority.exit).toBe(1);
    for (const told of [
      `${join(root, 'config', 'vad.yaml')}:2: /on must be true or false (expected true or false, received 3)`,
      '/gap must be a whole number (said by SETPOINT_CFG__VAD__GAP) (expected a whole number, received "hunter")',
      `${join(root, 'config', 'asr.yaml')}:1: /host takes the variable NO_SUCH_VARIABLE, which is not set`,
      `${join(root, 'config', 'asr.yaml')}:2: /url refers to /none, which there is not`,
      `${join(root, 'config', 'tts.yaml')}:2: `,
    ]) {
      expect(authority.output).toContain(told);
    }
  });

  it('Isolation-43-Others-Start: starts the other services, and reports the one with wrong files', async () => {
    await write('vad.schema.json', schema);
    await write('vad.yaml', 'gap: 10\n');
    await write('asr.yaml', 'a: [1\n');
    await write('tts.schema.mjs', 'throw null;\n');
    await write('tts.yaml', 'a: 1\n');
    await during({}, [], async ({ until, authority }) => {
      await until({ gap: 10 });
      await expect.poll(() => authority.output, { timeout: 30_000 }).toContain('asr.yaml');
      expect(authority.output).toContain('it threw null');
      expect(authority.output).not.toContain('    at ');
    });
  });

  it('goes on with an earlier version when there is one', async () => {
    await write('vad.schema.json', schema);
    await write('vad.yaml', 'gap: 10\n');
    await during({}, [], async ({ until }) => void (await until({ gap: 10 })));
    await write('vad.yaml', 'gap: many\n');
    await during({}, [], async ({ until }) => void (await until({ gap: 10 })));
  });

  it('reports wrong arguments at once, and prints help', async () => {
    const { authority: wrong } = await start({}, ['--set', 'vad=hunter2', '--nope']);
    expect(await wrong.exit).toBe(1);
    expect(wrong.output).toContain('--set vad: it names no setting');
    expect(wrong.output).toContain('--nope is no option here');
    expect(wrong.output).not.toContain('hunter2');
    const { authority: help } = await start({}, ['--help']);
    expect(await help.exit).toBe(0);
    expect(help.output).toContain('--set <service>/<pointer>=<value>');
  });
});
