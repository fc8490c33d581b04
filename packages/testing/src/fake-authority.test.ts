import { connect } from '@setpoint/client';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createFakeAuthority } from './fake-authority.ts';
import { createFaultyBus } from './faulty-bus.ts';
import { createTestKeys } from './test-keys.ts';

const schema = z.object({ brightness: z.int().min(0).max(10).default(5), name: z.string().default('lamp') });

async function open(signed = false) {
  const broker = createFaultyBus({ seed: 1 });
  const { signer, trustedKeys } = createTestKeys();
  const service = 'lamp';
  const authority = await createFakeAuthority({
    bus: broker.connect(),
    service,
    schema,
    timeoutMs: 2000,
    ...(signed && { signer }),
  });
  const start = (instance = 'lamp-1') =>
    connect({
      bus: broker.connect,
      service,
      schema,
      instance,
      cacheDir: false,
      logger: pino({ level: 'silent' }),
      ...(signed && { trustedKeys }),
    });
  return { broker, authority, start };
}

describe('a fake authority', () => {
  it('publishes one version after the other, completed with the defaults', async () => {
    const { authority, start } = await open();
    await using _ = authority;
    const first = await authority.publish({ brightness: 3 });
    expect(first).toMatchObject({ epoch: 1, version: 1, previous: null, values: { brightness: 3, name: 'lamp' } });
    await using config = await start();
    expect(config.current).toEqual({ brightness: 3, name: 'lamp' });
    const second = await authority.publish({ brightness: 4 });
    expect(second.previous).toEqual({ version: 1, digest: first.digest });
    const health = await authority.applied(2, 'lamp-1');
    expect(health.config).toMatchObject({ source: 'live', version: 2 });
    expect(authority.contracts).toHaveLength(1);
    expect(authority.latest?.version).toBe(2);
  });

  it('refuses a document that its schema refuses, unless the test asks for it', async () => {
    const { authority, start } = await open();
    await using _ = authority;
    await authority.publish({});
    await using config = await start();
    await expect(authority.publish({ brightness: 11 })).rejects.toThrow();
    await authority.publish({ brightness: 11 }, { unchecked: true });
    const health = await authority.rejected(2);
    expect(health.config?.lastAttempt).toMatchObject({ code: 'document_invalid', pointer: '/brightness' });
    expect(config.current.brightness).toBe(5);
  });

  it('publishes what a real authority never would, and an instance believes none of it', async () => {
    const { authority, start } = await open(true);
    await using _ = authority;
    await authority.publish({ brightness: 1 });
    await authority.publish({ brightness: 2 });
    await using config = await start();
    await authority.applied(2);
    await authority.publishStale({ brightness: 7 });
    await authority.publishReused({ brightness: 8 });
    await authority.said(({ error }) => error?.code === 'version_reused', 'that a version was reused');
    await authority.publish({ brightness: 3 });
    await authority.said(({ state }) => state === 'ready', 'that it is well again');
    await authority.publishMalformed();
    await authority.said(({ error }) => error?.code === 'snapshot_refused', 'that it refused something');
    await authority.publish({ brightness: 4 });
    await authority.said(({ state }) => state === 'ready', 'that it is well again');
    await authority.publishUnsigned({ brightness: 9 });
    await authority.said(({ error }) => error?.code === 'snapshot_refused', 'that it refused something');
    expect(config.current.brightness).toBe(4);
    await authority.delete();
    await authority.said(({ error }) => error?.code === 'service_unknown');
    expect(config.current.brightness).toBe(4);
  });

  it('publishes the version and the epoch that a test sets', async () => {
    const { authority, start } = await open();
    await using _ = authority;
    await authority.publish({ brightness: 1 }, { epoch: 4, version: 40 });
    await authority.publish({ brightness: 2 }, { epoch: 5, version: 1 });
    await using config = await start();
    expect(config.stamp).toMatchObject({ epoch: 5, version: 1 });
    await authority.republish();
    await authority.publish({ brightness: 3 });
    await authority.applied(2);
    expect(config.current.brightness).toBe(3);
  });

  it('repairs a lost snapshot by its beacon', async () => {
    const { broker, authority, start } = await open();
    await using _ = authority;
    await authority.publish({ brightness: 1 });
    await using config = await start();
    broker.setFaults({ overflow: 1 });
    await authority.publish({ brightness: 2 });
    broker.calm();
    expect(config.current.brightness).toBe(1);
    await authority.beacon();
    await authority.applied(2);
  });

  it('publishes any document without a schema, and refuses to publish again before the first one', async () => {
    const broker = createFaultyBus();
    await using authority = await createFakeAuthority({ bus: broker.connect(), service: 'x', prefix: 'site/a' });
    expect(() => authority.republish()).toThrow('has published nothing yet');
    expect((await authority.publish({ any: ['thing'] })).values).toEqual({ any: ['thing'] });
  });

  it('reports what it heard when the expected message does not come', async () => {
    const broker = createFaultyBus();
    await using authority = await createFakeAuthority({ bus: broker.connect(), service: 'lamp', timeoutMs: 30 });
    await expect(authority.applied(1)).rejects.toThrow(
      'no instance of lamp said that it runs version 1 within 30 ms; no instance said anything',
    );
    await using _config = await connect({
      bus: broker.connect,
      service: 'lamp',
      schema,
      cacheDir: false,
      startTimeoutMs: 0,
    });
    await expect(authority.applied(1)).rejects.toThrow('"source":"defaults"');
  });
});
