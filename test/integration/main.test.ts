import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuthorityProcess, spawnAuthority } from '@setpoint/test-support/authority-process';
import { freePort } from '@setpoint/test-support/free-port';
import { connectAsync } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedBroker } from '../../apps/config-authority/src/broker/embedded-broker.ts';

let root: string;
let running: AuthorityProcess[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'setpoint-'));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((authority) => authority.end('SIGKILL')));
  await rm(root, { recursive: true, force: true });
});

async function start(environment: Record<string, string> = {}, args: string[] = []): Promise<AuthorityProcess> {
  const own = {
    SETPOINT_BROKER_PORT: String(await freePort()),
    SETPOINT_CONFIG_DIR: join(root, 'config'),
    SETPOINT_DATA_DIR: join(root, 'data'),
  };
  const authority = spawnAuthority({ ...own, ...environment }, args);
  running.push(authority);
  return authority;
}

/** What an operator reads when it does not start: one line, and exit code 1. */
async function refusal(environment: Record<string, string>): Promise<string> {
  const authority = await start(environment);
  expect(await authority.exit).toBe(1);
  return authority.output.trim();
}

async function takePort(): Promise<{ port: string; release: () => void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: String((server.address() as AddressInfo).port), release: () => server.close() };
}

describe('the authority as a process', () => {
  it('says that its broker does not answer yet, and when it does', async () => {
    const port = await freePort();
    const authority = await start({ SETPOINT_MQTT_URL: `mqtt://127.0.0.1:${port}` });
    await authority.up;
    await expect.poll(() => authority.output).toMatch(/the authority is up; no broker yet: .*ECONNREFUSED/);
    const broker = await startEmbeddedBroker('127.0.0.1', port);
    try {
      await expect.poll(() => authority.output, { timeout: 20_000 }).toMatch(/"connected to the broker after \d+ s"/);
    } finally {
      await authority.end('SIGTERM');
      await broker.stop();
    }
  });

  it('runs its embedded broker, keeps its decisions, and creates a key that only its owner can read', async () => {
    await mkdir(join(root, 'config'));
    await writeFile(join(root, 'config', 'lamp.yaml'), 'brightness: 7\n');
    const port = String(await freePort());
    const httpPort = String(await freePort());
    const environment = { SETPOINT_BROKER_PORT: port, SETPOINT_HTTP_PORT: httpPort };
    const first = await start(environment);
    await first.up;

    const client = await connectAsync(`mqtt://127.0.0.1:${port}`);
    const arrived = new Promise<Buffer>((resolve) => client.once('message', (_, payload) => resolve(payload)));
    await client.subscribeAsync('config/lamp/snapshot');
    expect(JSON.parse(String(await arrived)).data).toMatchObject({ version: 1, values: { brightness: 7 } });
    await client.endAsync(true);
    const ready = await fetch(`http://127.0.0.1:${httpPort}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', reasons: [] }]);
    const live = await fetch(`http://127.0.0.1:${httpPort}/health/live`);
    expect([live.status, await live.json()]).toEqual([200, { status: 'live' }]);
    expect(first.output).toContain(`"brokerUrl":"mqtt://127.0.0.1:${port}"`);
    expect(first.output).toContain('npx setpoint get lamp');
    expect((await stat(join(root, 'data', 'signing-key.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(root, 'data', 'setpoint.db'))).mode & 0o777).toBe(0o600);
    const trusted = await readFile(join(root, 'data', 'trusted-keys.json'), 'utf8');
    expect(JSON.parse(trusted).keys).toMatchObject([{ kty: 'OKP', crv: 'Ed25519', role: 'authority' }]);
    expect(trusted).not.toContain('"d"');
    expect(await first.end('SIGTERM')).toBe(0);

    const second = await start(environment);
    await second.up;
    expect(await readFile(join(root, 'data', 'trusted-keys.json'), 'utf8')).toBe(trusted);
    expect(second.output).not.toContain('the file makes a new version');
    expect(await second.end('SIGINT')).toBe(0);
  });

  it('is ready only while it is connected to the configured broker', async () => {
    const httpPort = String(await freePort());
    const authority = await start({
      SETPOINT_MQTT_URL: 'mqtt://ann:hunter2@127.0.0.1:1',
      SETPOINT_HTTP_PORT: httpPort,
    });
    await authority.up;
    const response = await fetch(`http://127.0.0.1:${httpPort}/health/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ status: 'not_ready' });
    expect(authority.output).not.toContain('hunter2');
    expect(await authority.end('SIGTERM')).toBe(0);
  });

  it('lists every fault of its settings at once', async () => {
    const output = await refusal({
      SETPOINT_BROKER_PORT: '70000',
      SETPOINT_MQTT_URL: 'http://ann:hunter2@broker',
      SETPOINT_ID: 'Über',
      SETPOINT_LOG_LEVEL: 'loud',
      SETPOINT_PREFIX: 'a//b',
      SETPOINT_CONFIG_DRI: './config',
    });
    expect(output.split('\n')).toHaveLength(7);
    for (const name of ['BROKER_PORT', 'MQTT_URL', 'ID', 'LOG_LEVEL', 'PREFIX', 'CONFIG_DRI']) {
      expect(output).toContain(`SETPOINT_${name}`);
    }
    expect(output).not.toContain('hunter2');
  });

  it('says in one line that the port of its broker is taken, and the cure', async () => {
    const { port, release } = await takePort();
    const output = await refusal({ SETPOINT_BROKER_PORT: port });
    release();
    expect(output).toBe(
      `setpoint: port ${port} on 127.0.0.1 is taken; stop what uses it, set SETPOINT_BROKER_HOST and SETPOINT_BROKER_PORT, or use that broker with SETPOINT_MQTT_URL`,
    );
  });

  it('says in one line that the port of its HTTP is taken, and the cure', async () => {
    const { port, release } = await takePort();
    const output = await refusal({ SETPOINT_HTTP_PORT: port });
    release();
    expect(output).toBe(
      `setpoint: port ${port} on 127.0.0.1 is taken; stop what uses it, set SETPOINT_HTTP_PORT, or turn HTTP off with SETPOINT_HTTP_PORT=0`,
    );
  });

  it.each([
    [
      'data',
      { SETPOINT_DATA_DIR: '/dev/null/data' },
      /^setpoint: \/dev\/null\/data can't be written \(\w+\); .*SETPOINT_DATA_DIR/,
    ],
    [
      'configuration',
      { SETPOINT_CONFIG_DIR: '/dev/null' },
      /^setpoint: \/dev\/null can't be read \(\w+\); .*SETPOINT_CONFIG_DIR/,
    ],
  ])('says in one line that the folder of its %s cannot be used', async (_, environment, line) => {
    const output = await refusal(environment);
    expect(output).toMatch(line);
    expect(output.split('\n')).toHaveLength(1);
  });

  it('says in one line that its store is damaged, and the cure', async () => {
    await mkdir(join(root, 'data'));
    await writeFile(join(root, 'data', 'setpoint.db'), 'this is no database, and never was one'.repeat(100));
    const output = await refusal({});
    expect(output).toMatch(/^setpoint: .*setpoint\.db.*/);
    expect(output.split('\n')).toHaveLength(1);
  });

  it('says in one line that another authority has the store', async () => {
    const first = await start();
    await first.up;
    const output = await refusal({});
    expect(output).toMatch(/^setpoint: .*setpoint\.db/);
    expect(output.split('\n')).toHaveLength(1);
    expect(await first.end('SIGTERM')).toBe(0);
  });

  it('Version-12-Restore-Of-Running: refuses to restore the store of an authority that runs, which goes on, and takes it when that has ended', async () => {
    const first = await start();
    await first.up;
    const elsewhere = join(root, 'elsewhere');
    await mkdir(elsewhere);
    const restore = () => start({ SETPOINT_DATA_DIR: elsewhere }, ['restore', join(root, 'data', 'setpoint.db')]);
    const refused = await restore();
    expect(await refused.exit).toBe(1);
    expect(refused.output).toMatch(
      /^setpoint: .*setpoint\.db is open in process \d+ .*: restore what "setpoint backup" writes/,
    );
    expect(await readdir(elsewhere)).toEqual([]);
    expect(await first.end('SIGTERM')).toBe(0);
    const done = await restore();
    expect(await done.exit).toBe(0);
    expect(done.output).toMatch(/^setpoint: restored \d+ services? in epoch/);
  });

  it('refuses an invalid signing key without repeating it', async () => {
    await mkdir(join(root, 'data'));
    await writeFile(join(root, 'data', 'signing-key.json'), '{"kty":"OKP","crv":"Ed25519","d":"hunter2"}', {
      mode: 0o600,
    });
    const output = await refusal({});
    expect(output).toMatch(/^setpoint: .*signing key/);
    expect(output).not.toContain('hunter2');
  });
});
