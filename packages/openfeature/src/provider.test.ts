import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Client,
  type EventDetails,
  type Hook,
  OpenFeature,
  type ServerProviderEvents as ProviderEvent,
  ProviderEvents,
} from '@openfeature/server-sdk';
import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { type Connection, type ConnectOptions, connect } from '@setpoint/client';
import {
  createEnvelopeWriter,
  createSigner,
  createSigningKey,
  type JsonObject,
  trustedKeyOf,
} from '@setpoint/protocol';
import { createInbox, type Inbox, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type FlagSource, SetpointProvider } from './provider.ts';

const schema = z.looseObject({ vad: z.looseObject({ threshold: z.number().max(1).default(0.5) }).prefault({}) });
const values = {
  vad: { threshold: 0.7, enabled: true },
  model: 'small',
  languages: ['en', 'de'],
  limits: { perMinute: 60 },
  'a.b': 1,
  nothing: null,
};

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
let cacheDir: string;
let authority: Bus;
/** Clients keep their handlers, and can't be made to forget them. */
let domain = 0;
let client: Client;
beforeEach(async () => {
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
  cacheDir = await mkdtemp(join(tmpdir(), 'setpoint-'));
  stack.defer(() => rm(cacheDir, { recursive: true, force: true }));
  authority = broker.connect();
  stack.defer(() => authority.stop());
  await authority.start();
  domain += 1;
  client = OpenFeature.getClient(`vad ${domain}`);
});
afterEach(async () => {
  OpenFeature.clearHandlers();
  await OpenFeature.clearProviders();
  await stack.disposeAsync();
});

const key = createSigningKey();
const publish = (version: number, document: JsonObject = values): Promise<void> =>
  authority.publish('config/vad/snapshot', sealSnapshot(snapshotOf(version, document), createSigner(key)), {
    retain: true,
  });

const beat = (): Promise<void> => {
  const data = { instance: 'config-authority', session: 's', sequence: 0, intervalMs: 5000 };
  const { bytes } = createEnvelopeWriter({ source: '/authority/config-authority' }).seal({
    type: 'setpoint.keepalive.v1',
    subject: 'config-authority',
    data,
  });
  return authority.publish('system/keepalive/config-authority', bytes);
};

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function open(options: Partial<ConnectOptions<typeof schema>> = {}): Promise<Connection<JsonObject>> {
  const connection = await connect({
    bus: (busOptions) => broker.connect({ clientId: 'vad-1', ...busOptions }),
    service: 'vad',
    instance: 'vad-1',
    schema,
    cacheDir,
    logger: silent,
    trustedKeys: { keys: [trustedKeyOf(key, 'authority')] },
    startTimeoutMs: 50,
    ...options,
  });
  stack.use(connection);
  return connection as Connection<JsonObject>;
}

async function provide(options: Partial<ConnectOptions<typeof schema>> = {}): Promise<Connection<JsonObject>> {
  const connection = await open(options);
  await OpenFeature.setProviderAndWait(`vad ${domain}`, new SetpointProvider(connection));
  return connection;
}

function follow(event: ProviderEvent): Inbox<EventDetails | undefined> {
  const inbox = createInbox<EventDetails | undefined>();
  client.addHandler(event as never, (details) => inbox.put(details));
  return inbox;
}

describe('2. Provider', () => {
  it('2.1.1: has a name', () => {
    const connection = {} as FlagSource;
    expect(new SetpointProvider(connection).metadata).toEqual({ name: 'setpoint' });
    expect(new SetpointProvider(connection).runsOn).toBe('server');
  });

  describe('2.2.1, 2.2.2.1, 2.2.3, 2.2.6, 2.3.2: resolves every kind by key, without an error', () => {
    const fine = { reason: 'STATIC', flagMetadata: { source: 'live', version: 3, epoch: 7 } };

    it.each(['/vad/enabled', 'vad.enabled'])('a boolean at %s', async (flagKey) => {
      await publish(3);
      await provide();
      expect(await client.getBooleanDetails(flagKey, false)).toEqual({ flagKey, value: true, ...fine });
    });

    it.each(['/model', 'model'])('a string at %s', async (flagKey) => {
      await publish(3);
      await provide();
      expect(await client.getStringDetails(flagKey, 'large')).toEqual({ flagKey, value: 'small', ...fine });
    });

    it.each(['/vad/threshold', 'vad.threshold'])('a number at %s', async (flagKey) => {
      await publish(3);
      await provide();
      expect(await client.getNumberDetails(flagKey, 0)).toEqual({ flagKey, value: 0.7, ...fine });
    });

    it('a structure, a list, the whole document, and a member of a list', async () => {
      await publish(3);
      await provide();
      expect(await client.getObjectValue('limits', {})).toEqual({ perMinute: 60 });
      expect(await client.getObjectValue('languages', [])).toEqual(['en', 'de']);
      expect(await client.getObjectValue('', {})).toEqual(values);
      expect(await client.getStringValue('languages.1', '')).toBe('de');
      expect(await client.getNumberValue('/a.b', 0)).toBe(1);
    });
  });

  it('2.2.1: the evaluation context changes nothing', async () => {
    await publish(3);
    await provide();
    expect(await client.getNumberValue('vad.threshold', 0, { targetingKey: 'ann', region: 'eu' })).toBe(0.7);
  });

  it('2.2.4: has no variants, because a setting has one value', async () => {
    await publish(3);
    await provide();
    expect(await client.getBooleanDetails('vad.enabled', false)).not.toHaveProperty('variant');
  });

  describe('2.2.5: gives a reason', () => {
    it('STATIC for the live document, and STALE where a newer one was refused', async () => {
      await publish(3);
      await provide();
      expect(await client.getNumberDetails('vad.threshold', 0)).toMatchObject({ value: 0.7, reason: 'STATIC' });
      const stale = follow(ProviderEvents.Stale);
      await publish(4, { vad: { threshold: 2 } });
      await stale.next();
      expect(await client.getNumberDetails('vad.threshold', 0)).toMatchObject({ value: 0.7, reason: 'STALE' });
    });

    it('CACHED for the last good document from disk', async () => {
      await publish(3);
      await (await open()).stop();
      broker = createMemoryBroker();
      await provide();
      expect(await client.getNumberDetails('vad.threshold', 0)).toMatchObject({
        value: 0.7,
        reason: 'CACHED',
        flagMetadata: { source: 'cache', version: 3, epoch: 7 },
      });
    });

    it('DEFAULT for a document of schema defaults', async () => {
      await provide();
      expect(await client.getNumberDetails('vad.threshold', 0)).toEqual({
        flagKey: 'vad.threshold',
        value: 0.5,
        reason: 'DEFAULT',
        flagMetadata: { source: 'defaults' },
      });
    });

    it('STALE for a connection that was stopped', async () => {
      await publish(3);
      const connection = await provide();
      await connection.stop();
      expect(await client.getNumberDetails('vad.threshold', 0)).toMatchObject({ value: 0.7, reason: 'STALE' });
    });
  });

  describe('2.2.7, 2.3.3: answers the default with an error code, its message and the reason ERROR', () => {
    it.each(['vad.missing', '/vad/threshold/deeper', 'languages.9', 'vad.toString', '__proto__'])(
      'FLAG_NOT_FOUND for %s',
      async (flagKey) => {
        await publish(3);
        await provide();
        expect(await client.getNumberDetails(flagKey, 9)).toMatchObject({
          value: 9,
          reason: 'ERROR',
          errorCode: 'FLAG_NOT_FOUND',
          errorMessage: expect.stringMatching(/^the configuration has nothing at "\//),
          flagMetadata: { version: 3 },
        });
      },
    );

    it('TYPE_MISMATCH for every kind but the requested one, without repeating the value', async () => {
      await publish(3);
      await provide();
      const details = await Promise.all([
        client.getBooleanDetails('model', false),
        client.getStringDetails('vad.threshold', 'x'),
        client.getNumberDetails('vad.enabled', 9),
        client.getObjectDetails('model', {}),
        client.getObjectDetails('languages', {}),
        client.getObjectDetails('limits', []),
        client.getStringDetails('nothing', 'x'),
      ]);
      expect(details.map(({ errorCode, reason, value }) => [errorCode, reason, value])).toEqual([
        ['TYPE_MISMATCH', 'ERROR', false],
        ['TYPE_MISMATCH', 'ERROR', 'x'],
        ['TYPE_MISMATCH', 'ERROR', 9],
        ['TYPE_MISMATCH', 'ERROR', {}],
        ['TYPE_MISMATCH', 'ERROR', {}],
        ['TYPE_MISMATCH', 'ERROR', []],
        ['TYPE_MISMATCH', 'ERROR', 'x'],
      ]);
      expect(details.map(({ errorMessage }) => errorMessage)).toEqual([
        '"/model" is a string, and a boolean was asked for',
        '"/vad/threshold" is a number, and a string was asked for',
        '"/vad/enabled" is a boolean, and a number was asked for',
        '"/model" is a string, and an object was asked for',
        '"/languages" is an array, and an object was asked for',
        '"/limits" is an object, and an array was asked for',
        '"/nothing" is null, and a string was asked for',
      ]);
    });

    it('TYPE_MISMATCH for a value that the schema transformed into something JSON cannot hold', async () => {
      await publish(3, { since: '2026-06-01' });
      await provide({ schema: z.object({ since: z.coerce.date() }) as never });
      expect(await client.getObjectDetails('since', {})).toMatchObject({ value: {}, errorCode: 'TYPE_MISMATCH' });
    });

    it.each(['/a~2', 'a..b'])('PARSE_ERROR for the key %s', async (flagKey) => {
      await publish(3);
      await provide();
      expect(await client.getStringDetails(flagKey, 'x')).toMatchObject({ value: 'x', errorCode: 'PARSE_ERROR' });
    });
  });

  it('2.2.9, 2.2.10: names the version in the metadata, and the new version after a change', async () => {
    await publish(3);
    await provide();
    const changed = follow(ProviderEvents.ConfigurationChanged);
    await publish(4, { vad: { threshold: 0.9 } });
    await changed.next();
    expect(await client.getNumberDetails('vad.threshold', 0)).toMatchObject({
      value: 0.9,
      flagMetadata: { source: 'live', version: 4, epoch: 7 },
    });
  });

  it('2.3.1: hooks of the application see what the provider says', async () => {
    await publish(3);
    await provide();
    const seen: unknown[] = [];
    const hook: Hook = {
      before: ({ providerMetadata }) => void seen.push(providerMetadata.name),
      after: (_, { value, flagMetadata }) => void seen.push([value, flagMetadata]),
      error: (_, cause) => void seen.push((cause as Error).message),
    };
    await client.getNumberValue('vad.threshold', 0, {}, { hooks: [hook] });
    await client.getNumberValue('vad.missing', 0, {}, { hooks: [hook] });
    expect(seen).toEqual([
      'setpoint',
      [0.7, { source: 'live', version: 3, epoch: 7 }],
      'setpoint',
      'the configuration has nothing at "/vad/missing"',
    ]);
  });

  describe('2.4.1: a provider that opens its own connection', () => {
    it('is NOT_READY until it is open, then READY', async () => {
      await publish(3);
      const ready = OpenFeature.setProviderAndWait(`vad ${domain}`, new SetpointProvider(() => open()));
      expect([client.providerStatus, (await client.getNumberDetails('vad.threshold', 0)).errorCode]).toEqual([
        'NOT_READY',
        'PROVIDER_NOT_READY',
      ]);
      await ready;
      expect([client.providerStatus, await client.getNumberValue('vad.threshold', 0)]).toEqual(['READY', 0.7]);
    });

    it('2.4.2.1: fails to initialize when its connection fails', async () => {
      const provider = new SetpointProvider(() => open({ withoutSnapshot: 'fail' }));
      await expect(OpenFeature.setProviderAndWait(`vad ${domain}`, provider)).rejects.toThrow(
        'no configuration for vad',
      );
      expect(client.providerStatus).toBe('ERROR');
    });

    it('2.5.1: stops its connection when it is replaced before the connection is open', async () => {
      const go = Promise.withResolvers<void>();
      const opened = Promise.withResolvers<Connection<JsonObject>>();
      const slow = new SetpointProvider(async () => {
        await go.promise;
        const connection = await open();
        opened.resolve(connection);
        return connection;
      });
      const starting = slow.initialize();
      await slow.onClose();
      go.resolve();
      await expect(starting).rejects.toMatchObject({ code: 'PROVIDER_NOT_READY' });
      expect((await opened.promise).state).toBe('stopped');
    });

    it('2.5.1, 2.5.2: stops its connection when it is replaced, and is not ready any more', async () => {
      await publish(3);
      const connection = await open();
      const provider = new SetpointProvider(async () => connection);
      await OpenFeature.setProviderAndWait(`vad ${domain}`, provider);
      await provider.onClose();
      expect(connection.state).toBe('stopped');
      await expect(provider.resolveBooleanEvaluation('vad.enabled', false)).rejects.toMatchObject({
        code: 'PROVIDER_NOT_READY',
      });
    });
  });

  it('2.5.2: a connection that was given stays open, and the provider can be set again', async () => {
    await publish(3);
    const connection = await open();
    const provider = new SetpointProvider(connection);
    await provider.initialize();
    await provider.onClose();
    expect(connection.state).toBe('live');
    await provider.initialize();
    expect(await provider.resolveBooleanEvaluation('vad.enabled', false)).toMatchObject({ value: true });
  });

  it.each([
    ['FATAL', 'PROVIDER_FATAL', 'the configuration can not be relied on: the authority was not heard for too long'],
    ['ERROR', 'GENERAL', 'the configuration can not be relied on: the authority was not heard for too long'],
    [
      'NOT_READY',
      'PROVIDER_NOT_READY',
      'the connection has no configuration: it was stopped, or waits for a first one',
    ],
  ] as const)('2.4.2.1: does not start on a connection that is %s', async (providerState, code, message) => {
    const nothing = () => () => undefined;
    const source = { providerState, onState: nothing, onChange: nothing, health: () => ({}) } as unknown as FlagSource;
    await expect(new SetpointProvider(source).initialize()).rejects.toMatchObject({ code, message });
  });
});

describe('5. Events', () => {
  it('5.3.1: sends PROVIDER_READY after a successful start, and PROVIDER_STALE after it when the document comes from disk', async () => {
    const [ready, stale] = [follow(ProviderEvents.Ready), follow(ProviderEvents.Stale)];
    await provide();
    expect(await ready.next()).toMatchObject({ providerName: 'setpoint' });
    await stale.next();
    expect(client.providerStatus).toBe('STALE');
    await publish(3);
    await ready.next();
    expect(client.providerStatus).toBe('READY');
  });

  it('5.1.1, 5.1.2, 1.7: sends PROVIDER_STALE when a version is refused and PROVIDER_READY when a good one follows', async () => {
    await publish(3);
    await provide();
    const [ready, stale] = [follow(ProviderEvents.Ready), follow(ProviderEvents.Stale)];
    await publish(4, { vad: { threshold: 2 } });
    await stale.next();
    expect(client.providerStatus).toBe('STALE');
    await publish(5);
    // The first was said when the handler was added.
    await ready.next();
    await ready.next();
    expect(client.providerStatus).toBe('READY');
  });

  it('5.1.1: sends PROVIDER_CONFIGURATION_CHANGED with the changed pointers once they are in force', async () => {
    await publish(3);
    await provide();
    const changed = createInbox<unknown>();
    client.addHandler(ProviderEvents.ConfigurationChanged, async (details) =>
      changed.put([details?.flagsChanged, details?.metadata, await client.getStringValue('model', '')]),
    );
    await publish(4, { ...values, model: 'large', vad: { threshold: 0.8, enabled: true } });
    expect(await changed.next()).toEqual([['/vad/threshold', '/model'], { version: 4 }, 'large']);
  });

  it('5.1.3: sends no event to a client of another provider', async () => {
    await publish(3);
    await provide();
    const other = createInbox<unknown>();
    OpenFeature.getClient('other').addHandler(ProviderEvents.ConfigurationChanged, (details) => other.put(details));
    const changed = follow(ProviderEvents.ConfigurationChanged);
    await publish(4, { ...values, model: 'large' });
    await changed.next();
    expect(other.all).toEqual([]);
  });

  it('5.1.4: sends PROVIDER_ERROR with the cause', async () => {
    await provide();
    const error = follow(ProviderEvents.Error);
    await publish(3, { vad: { threshold: 2 } });
    expect((await error.next())?.message).toMatch(/^the configuration can not be relied on: version 3 does not fit/);
    expect(client.providerStatus).toBe('ERROR');
    expect(await client.getNumberValue('vad.threshold', 0)).toBe(0.5);
  });

  it('5.1.4: sends PROVIDER_ERROR when its connection is stopped', async () => {
    await publish(3);
    const connection = await provide();
    const error = follow(ProviderEvents.Error);
    await connection.stop();
    expect(await error.next()).toMatchObject({ errorCode: 'PROVIDER_NOT_READY' });
  });

  it('5.1.1, 5.1.4: sends PROVIDER_STALE, then PROVIDER_ERROR while the authority is silent, and PROVIDER_READY when it is heard again', async () => {
    await publish(3);
    const [ready, stale, error] = [
      follow(ProviderEvents.Ready),
      follow(ProviderEvents.Stale),
      follow(ProviderEvents.Error),
    ];
    await provide({ staleness: { softMs: 150, hardMs: 400 } });
    await ready.next();
    await stale.next();
    expect(await error.next()).toMatchObject({
      errorCode: 'GENERAL',
      message: 'the configuration can not be relied on: the authority was not heard for too long',
    });
    expect(client.providerStatus).toBe('ERROR');
    expect(await client.getNumberDetails('vad.threshold', 0)).toMatchObject({ value: 0.7, reason: 'STALE' });
    await beat();
    await ready.next();
    expect(client.providerStatus).toBe('READY');
  });

  it('1.7: a FATAL provider answers only with the default', async () => {
    await publish(3);
    const error = follow(ProviderEvents.Error);
    await provide({ staleness: { softMs: 1000, hardMs: 2000 }, boot: { '/vad': 'refuse' } });
    expect(await error.next()).toMatchObject({ errorCode: 'PROVIDER_FATAL' });
    expect(await client.getNumberDetails('vad.threshold', 0)).toMatchObject({
      value: 0,
      reason: 'ERROR',
      errorCode: 'PROVIDER_FATAL',
    });
  });

  it('5.1.1: sends two events for a change that another handler rolls back: the change and its reversal', async () => {
    await publish(3);
    const connection = await provide();
    connection.onChange({
      commit: ({ version }) => {
        if (version === 4) throw new Error('no room');
      },
    });
    const changed = follow(ProviderEvents.ConfigurationChanged);
    await publish(4, { ...values, model: 'large' });
    expect(await changed.next()).toMatchObject({ flagsChanged: ['/model'], metadata: { version: 4 } });
    expect(await changed.next()).toMatchObject({ flagsChanged: ['/model'], metadata: { version: 3 } });
    expect(await client.getStringValue('model', '')).toBe('small');
  });

  it('5.2.7: sends no event after it was replaced', async () => {
    await publish(3);
    const connection = await open();
    const provider = new SetpointProvider(connection);
    const seen: unknown[] = [];
    provider.events.addHandler(ProviderEvents.ConfigurationChanged, (details) => void seen.push(details));
    await provider.initialize();
    await provider.onClose();
    const { promise, resolve } = Promise.withResolvers<void>();
    connection.onChange(() => resolve());
    await publish(4, { ...values, model: 'large' });
    await promise;
    expect(seen).toEqual([]);
  });
});
