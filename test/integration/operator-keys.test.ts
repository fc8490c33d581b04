import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOperator, type OperatorOptions } from '@setpoint/client/operator';
import { type Authority, type AuthorityKeys, openAuthorityKeys, startAuthority } from '@setpoint/config-authority';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { createKeyRing, createSigner, createSigningKey, type TrustedKey, trustedKeyOf } from '@setpoint/protocol';
import { availableBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { createWatcher } from '@setpoint/test-support/watcher';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const [ann, bob, stranger] = [createSigningKey(), createSigningKey(), createSigningKey()];
const trusted = (key: typeof ann, rest: Partial<TrustedKey> = {}): TrustedKey => ({
  ...trustedKeyOf(key, 'operator'),
  ...rest,
});

describe.each(await availableBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  let stack: AsyncDisposableStack;
  let authority: Authority;
  let keys: AuthorityKeys;
  let prefix: string;
  let worlds = 0;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const dataDir = await mkdtemp(join(tmpdir(), 'setpoint-'));
    stack.defer(() => rm(dataDir, { recursive: true, force: true }));
    keys = await openAuthorityKeys(dataDir);
    prefix = `operator-keys-${process.pid}-${++worlds}`;
    authority = await startAuthority({
      prefix,
      store: createMemoryStore(),
      openBus: (options) => broker.connect({ clientId: `authority-${prefix}`, ...options }),
      signer: keys.signer,
      ownKeys: keys.own,
      operatorKeys: createKeyRing({
        keys: [trusted(ann, { operator: 'ann', services: ['lamp', 'light-*'] }), trusted(bob)],
      }),
      logger: pino({ level: 'silent' }),
    });
    stack.use(authority);
  });
  afterEach(() => stack.disposeAsync());

  async function operator(options: Partial<OperatorOptions>) {
    const bus = broker.connect();
    stack.defer(() => bus.stop());
    await bus.start();
    return createOperator({ bus, name: 'ann', prefix, keys: keys.own, ...options });
  }

  const turnOn = { op: 'replace', values: { on: true } } as const;

  it('carries out a request that a trusted operator signed, and signs its result', async () => {
    const signing = await operator({ signer: createSigner(ann) });
    expect(await signing.request('lamp', turnOn)).toMatchObject({ status: 'applied', version: 1 });
    expect(await signing.request('light-2', turnOn)).toMatchObject({ status: 'applied', version: 1 });
    expect(await signing.request('lamp', { op: 'log' })).toMatchObject({ status: 'found', log: [{ author: 'ann' }] });
    // A key that is bound to no operator speaks for whoever holds it.
    const anybody = await operator({ name: 'carol', signer: createSigner(bob) });
    expect(await anybody.request('lamp', { op: 'merge', patch: { on: false } })).toMatchObject({ status: 'applied' });
  });

  it.each<[string, Partial<OperatorOptions>, string]>([
    ['nobody has signed', {}, 'lamp'],
    ['a stranger has signed', { signer: createSigner(stranger) }, 'lamp'],
    ['another operator has signed', { name: 'eve', signer: createSigner(ann) }, 'lamp'],
    ['is for a service that the key is not for', { signer: createSigner(ann) }, 'door'],
  ])('denies a request that %s, and changes nothing', async (_, options, service) => {
    const bus = broker.connect();
    stack.defer(() => bus.stop());
    await bus.start();
    const snapshots = createWatcher(bus, `${prefix}/config/+/snapshot`);
    await snapshots.ready;
    const denied = await operator(options);
    expect(await denied.request(service, turnOn)).toMatchObject({
      status: 'denied',
      version: 0,
      problem: { code: 'access_denied' },
    });
    // What is published after it is the first that ever was.
    await (await operator({ signer: createSigner(bob) })).request('marker', turnOn);
    await snapshots.until(({ topic }) => topic.endsWith('/marker/snapshot'));
    expect(snapshots.messages).toHaveLength(1);
    expect(authority.engine.services()).toEqual(['marker']);
  });
});
