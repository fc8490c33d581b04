import { resolve } from 'node:path';
import type { Bus, BusOptions } from '@setpoint/bus';
import { createMemoryBroker } from '@setpoint/bus/memory';
import { createSigningKey, SetpointError, trustedKeyOf } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ConnectOptions } from './connect-options.ts';
import { resolveOptions } from './resolve-options.ts';

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
  it('the options of connect get the documented defaults', () => {
    const { openBus: _, topics, instance, tracing: _tracing, messaging: _messaging, ...more } = resolveOptions(right);
    const { contract, ...rest } = more;
    expect(contract).toMatchObject({ service: 'vad', schema: { type: 'object' } });
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

  it('the default instance name is valid also for the longest service name', () => {
    const service = 's'.repeat(63);
    expect(resolveOptions({ ...right, service }).instance).toMatch(/^s{54}-[0-9a-f]{8}$/);
  });

  it('options that are given are used as they are', () => {
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

  it('wrong options are refused with every fault at once', () => {
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
      '/schema',
      '/instance',
      '/authority',
      '/withoutSnapshot',
      '/startTimeoutMs',
      '/applyTimeoutMs',
      '/url',
      '/heartbeatIntervalMs',
      '/url',
      '/prefix',
      '/trustedKeys',
    ]);
    expect(() => resolveOptions({ service: 'Vad', schema, url: 'mqtt://broker' })).toThrow(
      'connect was called with wrong options: service must be 1 to 63 of a–z, 0–9, "_" and "-"',
    );
  });

  it('options without a service or a broker are refused', () => {
    expect(faultsOf({})).toEqual([
      ['/service', 'must be 1 to 63 of a–z, 0–9, "_" and "-"'],
      ['/url', 'give either url or bus'],
    ]);
    expect(faultsOf({ service: 'vad', schema, environment: {} })).toEqual([
      ['/environment/MQTT_URL', 'is not set, and neither url nor bus is given'],
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
    'mqtt://ann:12#34@b',
    'mqtt://ann:12/34@b',
    'wss://ann:12?34@b',
    [],
    ['x'],
    ['mqtt://a', { url: 'x' }],
    [{}],
    [null],
    { url: 'mqtt://a' },
    5,
    null,
  ])('the url %s is refused', (url) => {
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
  ])('the url %s is accepted', (url) => {
    expect(faultsOf({ ...right, url })).toEqual([]);
  });

  it.each([
    ['startTimeoutMs', 0, 2_147_483_647, -1],
    ['applyTimeoutMs', 1, 2_147_483_647, 0],
    ['heartbeatIntervalMs', 100, 2_147_483_647, 99],
    ['dedupeTtlMs', 0, 2_147_483_647, -1],
    ['reconnectMaxDelayMs', 500, 2_147_483_647, 99],
  ])('%s is accepted only up to what a timer can wait', (name, least, most, tooLittle) => {
    for (const value of [least, most]) expect(faultsOf({ ...right, [name]: value })).toEqual([]);
    for (const value of [tooLittle, most + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(faultsOf({ ...right, [name]: value })).toEqual([
        [`/${name}`, expect.stringMatching(/^must be \d+ to 2147483647$/)],
      ]);
    }
  });

  it.each([undefined, null, 'x', 5, [], () => {}])('options that are %s are refused', (options) => {
    expect(faultsOf(options as never)).toEqual([['', 'they must be an object with at least a service and a url']]);
    expect(() => resolveOptions(options as never)).toThrow(
      'connect was called with wrong options: they must be an object with at least a service and a url',
    );
  });

  it.each([
    ['startTimeout', 5, 'is no option; did you mean startTimeoutMs?'],
    ['keepAliveSeconds', 5, 'is no option; did you mean keepaliveSeconds?'],
    ['password', 'x', 'is no option'],
    [
      'messaging/outboxMaxMessage',
      { messaging: { outboxMaxMessage: 5 } },
      'is no option; did you mean outboxMaxMessages?',
    ],
    ['tls/serverName', { url: 'mqtts://b', tls: { serverName: 'b' } }, 'is no option; did you mean servername?'],
    ['overrides/allowed', { overrides: { allow: [], values: {}, allowed: [] } }, 'is no option; did you mean allow?'],
    ['staleness/soft', { staleness: { softMs: 1, hardMs: 1, soft: 1 } }, 'is no option; did you mean softMs?'],
    ['url/0/uri', { url: [{ url: 'mqtts://b', uri: 1 }] }, 'is no option; did you mean url?'],
    ['url/0/tls/c', { url: [{ url: 'mqtts://b', tls: { c: 1 } }] }, 'is no option'],
  ])('the unknown option %s is refused', (option, given, message) => {
    const more = option.includes('/') ? (given as object) : { [option]: given };
    expect(faultsOf({ ...right, ...more })).toEqual([[`/${option}`, message]]);
  });

  it('an option that is undefined counts as left out, also an unknown one', () => {
    expect(faultsOf({ ...right, logger: undefined, tls: undefined, messaging: undefined, nope: undefined })).toEqual(
      [],
    );
  });

  it('a wrong service name is one fault, although other names derive from it', () => {
    expect(faultsOf({ ...right, service: 'Vad' })).toEqual([['/service', 'must be 1 to 63 of a–z, 0–9, "_" and "-"']]);
  });

  it('faults of TLS options stand in the same list', () => {
    const tls = { ca: 'no PEM', servername: 5 };
    expect(faultsOf({ ...right, url: 'mqtts://broker', tls, keepaliveSeconds: 0 })).toEqual([
      ['/keepaliveSeconds', 'must be a whole number from 1 to 3600'],
      ['/tls/ca', 'must be a certificate in PEM'],
      ['/tls/servername', 'must be the name of a host, and no address'],
    ]);
  });

  it('trusted keys without one of an authority are refused', () => {
    const message = 'has no key of the role "authority", so no snapshot could be believed';
    expect(faultsOf({ ...right, trustedKeys: { keys: [] } })).toEqual([['/trustedKeys', message]]);
    const operator = { keys: [trustedKeyOf(createSigningKey(), 'operator')] };
    expect(faultsOf({ ...right, trustedKeys: operator })).toEqual([['/trustedKeys', message]]);
    // What is falsy does not mean: trust the broker.
    for (const trustedKeys of [null, false, '', 0]) {
      expect(faultsOf({ ...right, trustedKeys }).map(([pointer]) => pointer)).toEqual(['/trustedKeys']);
    }
  });

  it('settings that the schema does not have are refused in boot and overrides', () => {
    const strict = { ...right, schema: z.object({ a: z.number().default(1), loose: z.looseObject({}).prefault({}) }) };
    const boot = { '/b': 'refuse', '/a': 'refuse', '/loose/b': 'keep_last_good' };
    expect(faultsOf({ ...strict, boot })).toEqual([['/boot', '/b is no place of the schema']]);
    const overrides = { allow: ['/a', '/b'], values: { '/a': 1, '/b': 1 } };
    expect(faultsOf({ ...strict, overrides })).toEqual([['/overrides', '/b is no place of the schema']]);
    const wrongValue = { '/a': { default: 'x' } };
    expect(faultsOf({ ...strict, boot: wrongValue, startTimeoutMs: null }).map(([pointer]) => pointer)).toEqual([
      '/startTimeoutMs',
      '/boot',
    ]);
  });

  it('a schema that cannot be announced is refused', () => {
    const unknown = Object.assign(z.object({}), { safeParse: () => undefined });
    const broken = z.object({
      get a(): z.ZodType {
        throw new Error('not yet');
      },
    });
    expect(faultsOf({ ...right, schema: unknown })).toEqual([]);
    expect(faultsOf({ ...right, schema: broken })).toEqual([['/schema', "can't be announced: not yet"]]);
  });

  it('a private key given as a trusted one is refused without repeating it', () => {
    const key = createSigningKey();
    const [[, message] = []] = faultsOf({ ...right, trustedKeys: { keys: [{ ...key, role: 'nobody' }] } });
    expect(message).toContain('keys.0.role');
    expect(message).not.toContain(key.d);
  });
});

describe('the bus of connect', () => {
  it('the bus is the one that the caller makes', async () => {
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

  it.each([undefined, null, {}, 'x'])('a function bus that returns %j is refused', async (made) => {
    const opened = busOf({ service: 'vad', schema, bus: () => made as never });
    await expect(opened).rejects.toThrow('connect was called with wrong options: bus must return a bus');
    await expect(opened).rejects.toMatchObject({ code: 'options_invalid', faults: [{ pointer: '/bus' }] });
  });

  it('the bus is one over MQTT when a url is given', async () => {
    const opened = await busOf({ ...right, url: 'mqtt://127.0.0.1:1', prefix: 'acme', instance: 'vad-1' });
    expect(opened.status).toEqual({ kind: 'idle' });
    await opened.stop();
  });
});
