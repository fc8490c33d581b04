import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOperator } from '@setpoint/client/operator';
import { spawnAuthority } from '@setpoint/test-support/authority-process';
import { availableSocketBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { createWatcher } from '@setpoint/test-support/watcher';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe.each(await availableSocketBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it('Promise-15-Graceful-Stop: an authority that is stopped under load ends with 0, says so, and loses nothing that it acknowledged', async () => {
    await using stack = new AsyncDisposableStack();
    const root = await mkdtemp(join(tmpdir(), 'setpoint-'));
    stack.defer(() => rm(root, { recursive: true, force: true }));
    const environment = {
      SETPOINT_MQTT_URL: String(broker.url),
      SETPOINT_DATA_DIR: join(root, 'data'),
      SETPOINT_CONFIG_DIR: join(root, 'config'),
      SETPOINT_PREFIX: 'stopping',
    };
    const authority = spawnAuthority(environment);
    stack.defer(async () => void (await authority.end('SIGKILL')));
    await authority.up;
    const bus = broker.connect();
    stack.defer(() => bus.stop());
    await bus.start();
    const health = createWatcher(bus, 'stopping/system/health/config-authority');
    await health.ready;
    // On a busy machine 400 requests that are repeated too soon would be a flood of their own.
    const operator = createOperator({ bus, name: 'ann', prefix: 'stopping', timeoutMs: 90_000, retryMs: 3000 });

    const applied: number[] = [];
    const enough = Promise.withResolvers<void>();
    const load = Promise.all(
      Array.from({ length: 400 }, async (_, i) => {
        const result = await operator.request('lamp', { op: 'merge', patch: { [`n${i}`]: i } });
        if (result.status !== 'applied') throw new Error(JSON.stringify(result));
        applied.push(i);
        if (applied.length === 30) enough.resolve();
      }),
    );
    await enough.promise;
    const code = await authority.end('SIGTERM');
    const acknowledged = [...applied];

    expect(code).toBe(0);
    await health.until(({ json }) => json?.data.event === 'shutdown' && json.data.ok === false);
    expect(health.messages.map(({ json }) => json?.data.event)).not.toContain('lost');

    const again = spawnAuthority(environment);
    stack.defer(async () => void (await again.end('SIGKILL')));
    await again.up;
    await load; // what was not answered yet is answered now, by the same ids
    const snapshots = createWatcher(bus, 'stopping/config/lamp/snapshot');
    const { json } = await snapshots.until(({ json }) => json?.data.version === 400);
    for (const i of acknowledged) expect(json.data.values[`n${i}`]).toBe(i);
    expect(await again.end('SIGTERM')).toBe(0);
  }, 120_000);
});
