import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { createSigningKey, trustedKeyOf } from '@setpoint/protocol';
import { freePort } from '@setpoint/test-support/free-port';
import { createWatcher } from '@setpoint/test-support/watcher';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Served, serve } from './serve.ts';
import { readSettings } from './settings/settings.ts';

let root: string;
let running: Served | undefined;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'setpoint-'));
  running = undefined;
});
afterEach(async () => {
  await running?.stop();
  await rm(root, { recursive: true, force: true });
});

async function start(environment: NodeJS.ProcessEnv = {}): Promise<Served> {
  const outcome = readSettings(
    {
      SETPOINT_CONFIG_DIR: join(root, 'config'),
      SETPOINT_DATA_DIR: join(root, 'data'),
      SETPOINT_HTTP_PORT: '0',
      SETPOINT_BROKER_PORT: String(await freePort()),
      ...environment,
    },
    false,
  );
  if (outcome.kind === 'faults') throw new Error(outcome.faults.join('\n'));
  running = await serve(outcome.settings, pino({ level: 'silent' }));
  return running;
}

describe('serve', () => {
  it('starts an authority with its broker, its store and HTTP', async () => {
    const httpPort = String(await freePort());
    const served = await start({ SETPOINT_HTTP_PORT: httpPort, SETPOINT_PREFIX: 'acme', SETPOINT_ID: 'authority-2' });
    expect(served).toMatchObject({
      brokerUrl: expect.stringMatching(/^mqtt:\/\/127\.0\.0\.1:\d+$/),
      configDir: join(root, 'config'),
      dataDir: join(root, 'data'),
      trustedKeysFile: join(root, 'data', 'trusted-keys.json'),
      httpUrl: `http://127.0.0.1:${httpPort}`,
    });
    const bus = createMqttBus({ url: served.brokerUrl, clientId: 'watcher' });
    try {
      await bus.start();
      const health = createWatcher(bus, 'acme/system/health/authority-2');
      await health.until(({ json }) => json?.data.state === 'ready');
      expect((await fetch(`${served.httpUrl}/health/ready`)).status).toBe(200);
    } finally {
      await bus.stop();
    }
  });

  it('Isolation-31-No-Takeover: keeps its connection when a client takes the name that it is known by', async () => {
    const served = await start();
    const intruder = createMqttBus({ url: served.brokerUrl, clientId: 'config-authority' });
    const watcher = createMqttBus({ url: served.brokerUrl, clientId: 'watcher' });
    try {
      await Promise.all([intruder.start(), watcher.start()]);
      const health = createWatcher(watcher, 'system/health/config-authority');
      await health.until(({ json }) => json?.data.state === 'ready');
      expect(served.authority.readiness()).toMatchObject({ isReady: true });
      expect(intruder.status.kind).toBe('connected');
    } finally {
      await Promise.all([intruder.stop(), watcher.stop()]);
    }
  });

  it('keeps committed versions across starts', async () => {
    const first = await start();
    const ask = (served: Served, id: string) =>
      served.authority.engine.request({ service: 'lamp', author: 'ann', op: 'replace', values: { on: true } }, id, {
        requester: 'ann',
      });
    expect((await ask(first, 'r1')).status).toBe('applied');
    await first.stop();
    expect((await ask(await start(), 'r1')).status).toBe('duplicate');
  });

  it('uses another broker without showing its password', async () => {
    const served = await start({ SETPOINT_MQTT_URL: 'mqtt://ann:hunter2@127.0.0.1:1' });
    expect(served.brokerUrl).toBe('mqtt://127.0.0.1:1');
    expect(served.httpUrl).toBeUndefined();
    expect(served.authority.readiness().isReady).toBe(false);
  });

  it('accepts requests only from operators whose keys it was given', async () => {
    const file = join(root, 'operators.json');
    await writeFile(file, JSON.stringify({ keys: [trustedKeyOf(createSigningKey(), 'operator')] }));
    await start({ SETPOINT_OPERATOR_KEYS: file });
    await running?.stop();
    await expect(start({ SETPOINT_OPERATOR_KEYS: join(root, 'none.json') })).rejects.toMatchObject({
      code: 'key_malformed',
    });
  });
});

describe('a failing start', () => {
  it.each([
    ['SETPOINT_CONFIG_DIR', /can't be read \(E\w+\); give it to this user, or set SETPOINT_CONFIG_DIR/],
    ['SETPOINT_DATA_DIR', /can't be written \(E\w+\); give it to this user, or set SETPOINT_DATA_DIR/],
  ])('says what is wrong with %s', async (name, message) => {
    await writeFile(join(root, 'file'), '');
    await expect(start({ [name]: join(root, 'file', 'folder') })).rejects.toMatchObject({
      code: 'options_invalid',
      message: expect.stringMatching(message),
    });
  });

  it.each(['SETPOINT_CONFIG_DIR', 'SETPOINT_DATA_DIR'])(
    'ends at once when the folder of %s cannot be created',
    async (name) => {
      // Where there is no /proc, somebody would have to be allowed to make it.
      await expect(start({ [name]: '/proc/setpoint/folder' })).rejects.toMatchObject({
        code: 'options_invalid',
        message: expect.stringContaining('/proc/setpoint/folder'),
      });
    },
  );

  it('names the configured folder of rules when it is missing', async () => {
    await expect(start({ SETPOINT_RULES_DIR: join(root, 'none') })).rejects.toMatchObject({
      code: 'options_invalid',
      message: `the folder of rules ${join(root, 'none')} is not there; make it, or set SETPOINT_RULES_DIR to another`,
    });
    await writeFile(join(root, 'file'), '');
    await expect(start({ SETPOINT_RULES_DIR: join(root, 'file') })).rejects.toMatchObject({
      message: expect.stringContaining('is no folder'),
    });
  });

  it('stops the parts that had started, in reverse order', async () => {
    const taken = createServer();
    await new Promise<void>((settle) => taken.listen(0, '127.0.0.1', settle));
    const { port } = taken.address() as { port: number };
    const brokerPort = String(await freePort());
    const environment = { SETPOINT_BROKER_PORT: brokerPort };
    await expect(start({ ...environment, SETPOINT_HTTP_PORT: String(port) })).rejects.toMatchObject({
      code: 'options_invalid',
      message: expect.stringContaining(`port ${port} on 127.0.0.1 is taken`),
    });
    taken.close();
    // The store and the broker's port are free again.
    await start(environment);
  });
});
