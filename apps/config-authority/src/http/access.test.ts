import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSigningKey, trustedKeyOf } from '@setpoint/protocol';
import { freePort } from '@setpoint/test-support/free-port';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Served, serve } from '../serve.ts';
import { readSettings } from '../settings/settings.ts';

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

/** As main.ts does, on an embedded broker. */
async function start(environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const httpPort = String(await freePort());
  const outcome = readSettings(
    {
      SETPOINT_CONFIG_DIR: join(root, 'config'),
      SETPOINT_DATA_DIR: join(root, 'data'),
      SETPOINT_HTTP_PORT: httpPort,
      SETPOINT_BROKER_PORT: String(await freePort()),
      ...environment,
    },
    false,
  );
  if (outcome.kind === 'faults') throw new Error(outcome.faults.join('\n'));
  running = await serve(outcome.settings, pino({ level: 'silent' }));
  return `http://127.0.0.1:${httpPort}`;
}

const services = (url: string, headers: Record<string, string> = {}) => fetch(`${url}/api/v1/services`, { headers });

describe('access to the API of a started authority', () => {
  it('is open to everyone on this machine', async () => {
    const response = await services(await start());
    expect([response.status, await response.json()]).toEqual([200, { services: [] }]);
  });

  it('is closed on a host that others reach, and the response says what to set', async () => {
    const url = await start({ SETPOINT_HTTP_HOST: '0.0.0.0' });
    const response = await services(url);
    expect(response.status).toBe(401);
    expect((await response.json()).detail).toMatch(/others reach 0\.0\.0\.0.*set SETPOINT_HTTP_KEYS/);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });

  it('does not bypass signed requests', async () => {
    const file = join(root, 'operators.json');
    await writeFile(file, JSON.stringify({ keys: [trustedKeyOf(createSigningKey(), 'operator')] }));
    const response = await services(await start({ SETPOINT_OPERATOR_KEYS: file }));
    expect(response.status).toBe(401);
    expect((await response.json()).detail).toMatch(/have to be signed.*set SETPOINT_HTTP_KEYS/);
  });

  it('needs a key on any host when keys are configured', async () => {
    const file = join(root, 'keys.yaml');
    const sha256 = createHash('sha256').update('a-token').digest('hex');
    await writeFile(file, `keys: [{ name: ann, sha256: ${sha256} }]`);
    const url = await start({ SETPOINT_HTTP_HOST: '0.0.0.0', SETPOINT_HTTP_KEYS: file });
    expect((await services(url)).status).toBe(401);
    expect((await services(url, { authorization: 'Bearer a-token' })).status).toBe(200);
  });

  it('fails the start of the authority when the keys cannot be read', async () => {
    await expect(start({ SETPOINT_HTTP_KEYS: join(root, 'none.yaml') })).rejects.toMatchObject({
      code: 'key_malformed',
    });
  });
});
