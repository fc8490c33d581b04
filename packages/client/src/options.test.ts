import { resolve } from 'node:path';
import type { Bus, BusOptions } from '@setpoint/bus';
import { createMemoryBroker } from '@setpoint/bus/memory';
import { createSigningKey, SetpointError, trustedKeyOf } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ConnectOptions, resolveOptions } from './options.ts';

const schema = z.object({});
const right = { url: 'mqtt://broker', service: 'vad', schema };

/** The options that are wrong, in their order, with what is said of each. */
function faultsOf(options: Record<string, unknown>): [string, string][] {
  try {
    resolveOptions(options as unknown as ConnectOptions);
  } catch (cause) {
    const { code, faults } = cause as SetpointError;
    expect(cause).toBeInstanceOf(SetpointError);
    expect(code).toBe('options_invalid');
    return faults.map(({ pointer, message }) => [pointer, message]);
  }
  return [];
}

const busOf = (options: ConnectOptions): Promise<Bus> => resolveOptions(options).openBus({});

describe('the options of connect', () => {
  it('are completed with what the documentation says', () => {
    const { openBus: _, topics, instance, tracing: _tracing, messaging: _messaging, ...rest } = resolveOptions(right);
    expect(rest).toEqual({
      service: 'vad',
      authority: 'config-authority',
      prefix: '',
      keys: undefined,
      cacheDir: resolve('.setpoint'),
      policy: { overrides: new Map(), bootDefaults: new Map(), kept: [], refusing: [], staleness: undefined },
      withoutSnapshot: 'defaults',
      startTimeoutMs: 3000,
      applyTimeoutMs: 10_000,
      enableHealth: true,
      enableHeartbeat: true,
      heartbeatIntervalMs: 5000,
      dedupe: { ttlMs: 30_000, maxEntries: 2048 },
      sourceName: instance,
      now: Date.now,
    });
    expect(instance).toMatch(/^vad-[0-9a-f]{8}$/);
    expect(topics.snapshot('vad')).toBe('config/vad/snapshot');
    expect(resolveOptions(right).instance).not.toBe(instance);
  });

  it('name an instance that is a name, also of the longest service', () => {
    const service = 's'.repeat(63);
    expect(resolveOptions({ ...right, service }).instance).toMatch(/^s{54}-[0-9a-f]{8}$/);
  });

  it('are taken as they are given', () => {
    const trustedKeys = { keys: [trustedKeyOf(createSigningKey(), 'authority')] };
    const resolved = resolveOptions({
      ...right,
      prefix: 'acme/prod',
      instance: 'vad-1',
      cacheDir: 'kept',
      trustedKeys,
    });
    expect(resolved).toMatchObject({ prefix: 'acme/prod', instance: 'vad-1', cacheDir: resolve('kept') });
    expect(resolved.keys).toBeDefined();
    expect(resolved.topics.health('vad-1')).toBe('acme/prod/system/health/vad-1');
    expect(resolveOptions({ ...right, cacheDir: false }).cacheDir).toBeUndefined();
  });

  it('are refused with every fault at once', () => {
    const faults = faultsOf({
      service: 'Vad',
      instance: 'a.b',
      authority: '',
      url: 'http://broker',
      bus: () => undefined,
      schema: {},
      withoutSnapshot: 'hope',
      startTimeoutMs: -1,
      applyTimeoutMs: 0,
      heartbeatIntervalMs: 99,
      prefix: 'a//b',
      trustedKeys: { keys: [{ kid: 'x' }] },
    });
    expect(faults.map(([pointer]) => pointer)).toEqual([
      '/service',
      '/instance',
      '/authority',
      '/url',
      '/url',
      '/heartbeatIntervalMs',
      '/schema',
      '/withoutSnapshot',
      '/startTimeoutMs',
      '/applyTimeoutMs',
      '/prefix',
      '/trustedKeys',
    ]);
    expect(() => resolveOptions({ service: 'Vad', schema, url: 'mqtt://broker' })).toThrow(
      'connect was called with wrong options: service must be 1 to 63 of a–z, 0–9, "_" and "-"',
    );
  });

  it('need a service, and a schema, and one way to a broker', () => {
    expect(faultsOf({})).toEqual([
      ['/service', 'must be 1 to 63 of a–z, 0–9, "_" and "-"'],
      ['/url', 'give either url or bus'],
      ['/schema', 'must be a zod schema (version 4)'],
    ]);
    expect(faultsOf({ ...right, service: 7 })).toEqual([['/service', 'must be 1 to 63 of a–z, 0–9, "_" and "-"']]);
    expect(faultsOf({ ...right, schema: null })).toEqual([['/schema', 'must be a zod schema (version 4)']]);
  });

  it.each([
    'http://broker',
    'mqtt://',
    'mqtt:///path',
    'broker:1883',
    '',
    'mqtts://:8883',
    'mqtt://a:%zz@b',
    [],
    ['x'],
  ])('do not take %s for a broker', (url) => {
    expect(faultsOf({ ...right, url })).toEqual([
      ['/url', 'must be mqtt://, mqtts://, ws:// or wss:// with a host, user and password percent-encoded'],
    ]);
  });

  it.each([
    'mqtt://broker',
    'mqtts://ann:secret@broker.example:8883',
    'mqtt://[::1]:1883',
    'ws://broker/mqtt',
    ['wss://a', 'mqtt://b'],
  ])('take %s', (url) => {
    expect(faultsOf({ ...right, url })).toEqual([]);
  });

  it.each([
    ['startTimeoutMs', 0, 2_147_483_647, -1],
    ['applyTimeoutMs', 1, 2_147_483_647, 0],
    ['heartbeatIntervalMs', 100, 2_147_483_647, 99],
    ['dedupeTtlMs', 0, 2_147_483_647, -1],
    ['reconnectMaxDelayMs', 500, 2_147_483_647, 99],
  ])('take a %s within what a timer can do', (name, least, most, tooLittle) => {
    for (const value of [least, most]) expect(faultsOf({ ...right, [name]: value })).toEqual([]);
    for (const value of [tooLittle, most + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(faultsOf({ ...right, [name]: value })).toEqual([
        [`/${name}`, expect.stringMatching(/^must be \d+ to 2147483647$/)],
      ]);
    }
  });

  it('repeat no private key that was given for a trusted one', () => {
    const key = createSigningKey();
    const [[, message] = []] = faultsOf({ ...right, trustedKeys: { keys: [{ ...key, role: 'nobody' }] } });
    expect(message).toContain('keys.0.role');
    expect(message).not.toContain(key.d);
  });
});

describe('the bus', () => {
  it('is the one that the caller makes', async () => {
    const given: BusOptions[] = [];
    const broker = createMemoryBroker();
    const bus = (options: BusOptions): Bus => {
      given.push(options);
      return broker.connect(options);
    };
    const opened = await busOf({ service: 'vad', schema, bus });
    expect(opened.status).toEqual({ kind: 'idle' });
    expect(given).toEqual([{}]);
    await opened.stop();
  });

  it('is one over MQTT otherwise', async () => {
    const opened = await busOf({ ...right, url: 'mqtt://127.0.0.1:1', prefix: 'acme', instance: 'vad-1' });
    expect(opened.status).toEqual({ kind: 'idle' });
    await opened.stop();
  });
});
