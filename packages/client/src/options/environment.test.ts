import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SetpointError } from '@setpoint/protocol';
import { testCertificate, testKey } from '@setpoint/test-support/tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { BrokerOptions } from './broker-options.ts';
import type { ConnectOptions } from './connect-options.ts';
import { resolveBrokerOptions } from './resolve-broker-options.ts';
import { resolveOptions } from './resolve-options.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'setpoint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function read(environment: Record<string, string>, code: BrokerOptions = {}) {
  const faults: [string, string][] = [];
  const resolved = resolveBrokerOptions({ ...code, environment }, (option, message) => faults.push([option, message]));
  return { resolved, faults };
}

const broker = { MQTT_URL: 'mqtt://broker' };

describe('broker options from the environment', () => {
  it('the environment can set every broker option', async () => {
    const file = (name: string): string => join(folder, name);
    for (const name of ['ca', 'cert']) await writeFile(file(name), testCertificate);
    await writeFile(file('key'), testKey);
    const { resolved, faults } = read({
      MQTT_URL: 'mqtts://ann:s%2Fcret@a.example, wss://b.example/mqtt',
      MQTT_CLIENT_ID: 'vad-7',
      MQTT_SOURCE_NAME: 'vad.seven',
      MQTT_KEEPALIVE: '60',
      MQTT_ENABLE_HEALTH: 'false',
      MQTT_ENABLE_HEARTBEAT: 'off',
      MQTT_HEARTBEAT_INTERVAL: '2.5',
      MQTT_DEDUPE_TTL: '0',
      MQTT_DEDUPE_MAX_ENTRIES: '100',
      MQTT_RECONNECT_MIN_DELAY: '0.1',
      MQTT_RECONNECT_MAX_DELAY: '60',
      MQTT_TLS_CA: file('ca'),
      MQTT_TLS_CERT: file('cert'),
      MQTT_TLS_KEY: file('key'),
      MQTT_TLS_SERVER_NAME: 'broker.test',
      MQTT_TLS_ALPN: 'mqtt, x-amzn-mqtt-ca',
    });
    expect(faults).toEqual([]);
    expect(resolved).toEqual({
      urls: ['mqtts://ann:s%2Fcret@a.example', 'wss://b.example/mqtt'],
      clientId: 'vad-7',
      sourceName: 'vad.seven',
      keepaliveSeconds: 60,
      enableHealth: false,
      enableHeartbeat: false,
      heartbeatIntervalMs: 2500,
      dedupe: { ttlMs: 0, maxEntries: 100 },
      reconnectMinDelayMs: 100,
      reconnectMaxDelayMs: 60_000,
      tls: {
        ca: Buffer.from(testCertificate),
        cert: Buffer.from(testCertificate),
        key: Buffer.from(testKey),
        servername: 'broker.test',
        alpn: ['mqtt', 'x-amzn-mqtt-ca'],
      },
    });
  });

  it('variables that are missing or empty leave the defaults', () => {
    const defaults = {
      urls: ['mqtt://broker'],
      clientId: undefined,
      sourceName: undefined,
      keepaliveSeconds: 15,
      enableHealth: true,
      enableHeartbeat: true,
      heartbeatIntervalMs: 5000,
      dedupe: { ttlMs: 30_000, maxEntries: 2048 },
      reconnectMinDelayMs: 500,
      reconnectMaxDelayMs: 5000,
      tls: undefined,
    };
    expect(read(broker)).toEqual({ resolved: defaults, faults: [] });
    const empty = { ...broker, MQTT_KEEPALIVE: '', MQTT_TLS_CA: ' ', MQTT_TLS_ALPN: ' ', MQTT_ENABLE_HEALTH: '' };
    expect(read(empty)).toEqual({ resolved: defaults, faults: [] });
  });

  it('an option in the code wins, and its variable is not even checked', () => {
    const environment = {
      MQTT_URL: 'http://wrong',
      MQTT_KEEPALIVE: 'wrong',
      MQTT_TLS_CA: '/nowhere',
      MQTT_CLIENT_ID: 'b',
    };
    const tls = { ca: testCertificate };
    const code = { url: 'mqtts://a', keepaliveSeconds: 30, tls, enableHealth: undefined as never };
    const { resolved, faults } = read(environment, code);
    expect(faults).toEqual([]);
    expect(resolved).toMatchObject({ urls: ['mqtts://a'], keepaliveSeconds: 30, clientId: 'b', enableHealth: true });
    expect(resolved.tls).toEqual(tls);
    const unused = { MQTT_URL: 'http://wrong', MQTT_TLS_CA: '/nowhere' };
    expect(read(unused, { bus: () => undefined as never }).faults).toEqual([]);
  });

  it('all wrong variables are reported at once, and no fault repeats a value', () => {
    const { faults } = read({
      MQTT_URL: 'mqtt://jane:hush%zz@broker',
      MQTT_CLIENT_ID: 'a b',
      MQTT_SOURCE_NAME: 'a/b',
      MQTT_KEEPALIVE: '0',
      MQTT_ENABLE_HEALTH: 'perhaps',
      MQTT_ENABLE_HEARTBEAT: '2',
      MQTT_HEARTBEAT_INTERVAL: '0.9',
      MQTT_DEDUPE_TTL: '-1',
      MQTT_DEDUPE_MAX_ENTRIES: '1.5',
      MQTT_RECONNECT_MIN_DELAY: '0.09',
      MQTT_RECONNECT_MAX_DELAY: '5s',
      MQTT_TLS_CA: '/nowhere/ca.pem',
      MQTT_TLS_ALPN: 'a,,b',
    });
    expect(faults).toEqual([
      [
        'environment/MQTT_URL',
        'must be mqtt://, mqtts://, ws:// or wss:// with a host, user and password percent-encoded',
      ],
      ['environment/MQTT_CLIENT_ID', 'must be 1 to 256 of letters, digits, ".", "_", ":", "@" and "-"'],
      ['environment/MQTT_SOURCE_NAME', 'must be 1 to 256 of letters, digits, ".", "_", ":", "@" and "-"'],
      ['environment/MQTT_ENABLE_HEALTH', 'must be true or false'],
      ['environment/MQTT_ENABLE_HEARTBEAT', 'must be true or false'],
      ['environment/MQTT_KEEPALIVE', 'must be a whole number from 1 to 3600'],
      ['environment/MQTT_HEARTBEAT_INTERVAL', 'must be from 1 to 2147483 seconds'],
      ['environment/MQTT_DEDUPE_TTL', 'must be from 0 to 2147483 seconds'],
      ['environment/MQTT_DEDUPE_MAX_ENTRIES', 'must be a whole number from 1 to 1000000'],
      ['environment/MQTT_RECONNECT_MIN_DELAY', 'must be from 0.1 to 2147483 seconds'],
      ['environment/MQTT_RECONNECT_MAX_DELAY', 'must be from 0.1 to 2147483 seconds'],
      ['environment/MQTT_TLS_CA', "names a file that can't be read: ENOENT"],
      ['environment/MQTT_TLS_ALPN', 'must be protocol names of 1 to 255 bytes, separated by commas'],
    ]);
  });

  it('faults of the code and of the environment come in one list', () => {
    const environment = { MQTT_KEEPALIVE: '3601', MQTT_URL: 'mqtt://jane:secret@' };
    let caught: unknown;
    try {
      resolveOptions({
        service: 'V',
        instance: 'v-1',
        schema: z.object({}),
        heartbeatIntervalMs: 1,
        environment,
      } as ConnectOptions);
    } catch (cause) {
      caught = cause;
    }
    const { code, message, faults } = caught as SetpointError;
    expect(code).toBe('options_invalid');
    expect(faults.map(({ pointer }) => pointer)).toEqual([
      '/service',
      '/heartbeatIntervalMs',
      '/environment/MQTT_URL',
      '/environment/MQTT_KEEPALIVE',
    ]);
    expect(message).toContain('; MQTT_KEEPALIVE must be a whole number from 1 to 3600');
    expect(JSON.stringify(caught) + message).not.toMatch(/jane|secret/);
  });

  it.each([
    ['mqtt://a,mqtt://b', ['mqtt://a', 'mqtt://b']],
    ['mqtt://u:a,b@c , WS://d', ['mqtt://u:a,b@c', 'WS://d']],
  ])('MQTT_URL is split at commas that a scheme follows: %s', (text, urls) => {
    expect(read({ MQTT_URL: text }).resolved.urls).toEqual(urls);
  });

  it.each(['mqtt://a,b', 'mqtt://a,', ',mqtt://a', 'mqtt://a,http://b', 'a'])('MQTT_URL is refused as %s', (text) => {
    expect(read({ MQTT_URL: text }).faults.map(([option]) => option)).toEqual(['environment/MQTT_URL']);
  });

  it('a longest delay below the shortest one is refused, wherever each of them was set', () => {
    const message = 'must not be less than the shortest delay';
    const long = { ...broker, MQTT_RECONNECT_MIN_DELAY: '2', MQTT_RECONNECT_MAX_DELAY: '1' };
    expect(read(long).faults).toEqual([['environment/MQTT_RECONNECT_MAX_DELAY', message]]);
    expect(read(long, { reconnectMaxDelayMs: 1000 }).faults).toEqual([['reconnectMaxDelayMs', message]]);
    expect(read(long, { reconnectMaxDelayMs: 2000 }).faults).toEqual([]);
    const above = 'must not be more than the longest delay, which is 5000 ms by default';
    expect(read({ ...broker, MQTT_RECONNECT_MIN_DELAY: '9' }).faults).toEqual([
      ['environment/MQTT_RECONNECT_MIN_DELAY', above],
    ]);
    expect(read(broker, { reconnectMinDelayMs: 5001 }).faults).toEqual([['reconnectMinDelayMs', above]]);
    expect(read(broker, { reconnectMinDelayMs: 5000 }).faults).toEqual([]);
    // What is wrong by itself is told once.
    expect(read({ ...broker, MQTT_RECONNECT_MAX_DELAY: 'x' }, { reconnectMinDelayMs: 9000 }).faults).toHaveLength(1);
    expect(read(broker, { reconnectMinDelayMs: 9000, reconnectMaxDelayMs: 1 }).faults).toHaveLength(1);
  });

  it('a missing broker is reported at MQTT_URL when an environment was given', () => {
    expect(read({}).faults).toEqual([['environment/MQTT_URL', 'is not set, and neither url nor bus is given']]);
  });

  it.each(['x', 5, null, [], true])('an environment that is %j is refused', (environment) => {
    const faults: [string, string][] = [];
    const given = { url: 'mqtt://broker', environment } as never;
    resolveBrokerOptions(given, (option, message) => faults.push([option, message]));
    expect(faults).toEqual([['environment', 'must be an object']]);
  });

  it('variables that are not texts are refused', () => {
    const wrong = { MQTT_URL: 5, MQTT_KEEPALIVE: true, MQTT_TLS_CA: {}, MQTT_TLS_ALPN: ['mqtt'] } as never;
    expect(read(wrong).faults).toEqual([
      ['environment/MQTT_URL', 'must be a text'],
      ['environment/MQTT_KEEPALIVE', 'must be a text'],
      ['environment/MQTT_TLS_CA', 'must be a text'],
      ['environment/MQTT_TLS_ALPN', 'must be a text'],
    ]);
  });

  it('a fault of a TLS file is reported at the variable that names the file', async () => {
    const file = join(folder, 'no.pem');
    await writeFile(file, 'no PEM');
    const secure = { MQTT_URL: 'mqtts://broker', MQTT_KEEPALIVE: '0' };
    expect(read({ ...secure, MQTT_TLS_CA: file, MQTT_TLS_SERVER_NAME: '127.0.0.1' }).faults).toEqual([
      ['environment/MQTT_KEEPALIVE', 'must be a whole number from 1 to 3600'],
      ['environment/MQTT_TLS_CA', 'must be a certificate in PEM'],
      ['environment/MQTT_TLS_SERVER_NAME', 'must be the name of a host, and no address'],
    ]);
    expect(read({ ...secure, MQTT_TLS_KEY: file }, { keepaliveSeconds: 5, tls: { cert: 'x' } }).faults).toEqual([
      ['tls/cert', 'must be a certificate in PEM'],
      ['environment/MQTT_TLS_KEY', 'must be a private key in PEM'],
    ]);
  });

  it('TLS options are refused beside a URL in plain text', async () => {
    const file = join(folder, 'ca.pem');
    await writeFile(file, testCertificate);
    const message =
      'is given, and a URL is plain text; write mqtts:// or wss://, or give it beside its URL alone: { url, tls }';
    expect(read({ ...broker, MQTT_TLS_CA: file }).faults).toEqual([['environment/MQTT_TLS_CA', message]]);
    const both = { MQTT_URL: 'mqtts://a,mqtt://b', MQTT_TLS_CA: file };
    expect(read(both).faults).toEqual([['environment/MQTT_TLS_CA', message]]);
    expect(read(broker, { tls: { ca: testCertificate } }).faults).toEqual([['tls', message]]);
  });

  it.each([
    ['true', true],
    ['YES', true],
    ['on', true],
    ['1', true],
    ['False', false],
    ['no', false],
    ['0', false],
  ])('the switch %s is read as %s', (text, expected) => {
    expect(read({ ...broker, MQTT_ENABLE_HEALTH: text }).resolved.enableHealth).toBe(expected);
  });
});

describe('names of a process', () => {
  const right = { service: 'vad', instance: 'vad-1', prefix: 'acme', schema: z.object({}), url: 'mqtt://broker' };

  it('the client id defaults to prefix and instance, and the source name to the client id', () => {
    expect(resolveOptions(right).sourceName).toBe('acme-vad-1');
    expect(resolveOptions({ ...right, clientId: 'seven' }).sourceName).toBe('seven');
    expect(resolveOptions({ ...right, clientId: 'seven', sourceName: 'eight' }).sourceName).toBe('eight');
  });
});
