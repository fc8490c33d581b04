import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { createEngine, type Engine } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import {
  createEnvelopeWriter,
  createKeyRing,
  createSigner,
  createSigningKey,
  createTopics,
  type Result,
  type Signer,
  type TrustedKey,
  trustedKeyOf,
} from '@setpoint/protocol';
import { createInbox, midnight } from '@setpoint/test-support/samples';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRequestHandler, type RequestHandler, type RequestHandlerOptions } from './request-handler.ts';

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
let lines: Record<string, unknown>[];
let now: number;
let isRefused: boolean;
beforeEach(() => {
  stack = new AsyncDisposableStack();
  lines = [];
  now = midnight;
  isRefused = false;
  broker = createMemoryBroker({
    allow: ({ kind, topic }) => kind === 'subscribe' || !topic.includes('/result/') || !isRefused,
  });
});
afterEach(() => stack.disposeAsync());

const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
const told = (msg: string) => lines.filter((line) => line.msg === msg);

async function startBus(): Promise<Bus> {
  const bus = broker.connect();
  stack.defer(() => bus.stop());
  await bus.start();
  return bus;
}

interface Answer {
  readonly topic: string;
  readonly correlationid: string;
  readonly data: Result;
}

async function open(options: Partial<RequestHandlerOptions> = {}) {
  const results = createInbox<Answer>();
  const engine =
    options.engine ?? (await createEngine({ store: createMemoryStore({ now: () => midnight }), now: () => now }));
  const requests: RequestHandler = createRequestHandler({
    bus: await startBus(),
    topics: createTopics(),
    writer: createEnvelopeWriter({ source: '/authority/config-authority' }),
    operatorKeys: undefined,
    logger,
    now: () => now,
    ...options,
    engine,
  });
  stack.defer(() => requests.stop());
  await requests.ready;
  const bus = await startBus();
  await bus.subscribe('config/+/result/+', ({ topic, payload }) => {
    const { correlationid, data } = JSON.parse(String(payload));
    results.put({ topic, correlationid, data });
  }).ready;
  return { requests, engine, bus, results };
}

interface Asked {
  readonly id?: string;
  readonly source?: string;
  readonly subject?: string;
  readonly signer?: Signer | undefined;
  readonly data?: Record<string, unknown>;
  readonly topic?: string;
}

async function ask(bus: Bus, asked: Asked = {}): Promise<void> {
  const { id = 'r1', source = '/operator/ann', subject = 'vad', signer, topic = 'config/vad/request' } = asked;
  const data = { service: subject, op: 'merge', author: 'ann', patch: { threshold: 0.6 }, ...asked.data };
  const { bytes } = createEnvelopeWriter({ source, signer }).seal({ id, type: 'setpoint.request.v1', subject, data });
  await bus.publish(topic, bytes);
}

describe('a request', () => {
  it('is carried out, and the requester gets a result', async () => {
    const { bus, results, engine } = await open();
    await ask(bus);
    expect(await results.next()).toMatchObject({
      topic: 'config/vad/result/ann',
      correlationid: 'r1',
      data: { status: 'applied', version: 1, changed: [''] },
    });
    expect(engine.current('vad')?.snapshot.values).toEqual({ threshold: 0.6 });
    expect(told('request')).toMatchObject([
      { level: 30, requester: 'ann', op: 'merge', status: 'applied', version: 1 },
    ]);
  });

  it('that changes nothing is logged at debug level only', async () => {
    const { bus, results } = await open();
    await ask(bus);
    await ask(bus, { id: 'r2' });
    await results.next();
    expect((await results.next()).data.status).toBe('unchanged');
    expect(told('request').map(({ level }) => level)).toEqual([30, 20]);
  });

  it('for another service than its topic names is refused', async () => {
    const { bus, results } = await open();
    await ask(bus, { subject: 'asr' });
    expect(await results.next()).toMatchObject({
      topic: 'config/vad/result/ann',
      data: { status: 'rejected', problem: { code: 'request_malformed', detail: expect.stringContaining('asr') } },
    });
  });

  it('on an unknown topic is ignored', async () => {
    const { bus, results } = await open();
    await ask(bus, { topic: 'config/No-Name/request' });
    await ask(bus);
    expect((await results.next()).topic).toBe('config/vad/result/ann');
  });

  it('whose author differs from its source is denied', async () => {
    const { bus, results } = await open();
    await ask(bus, { data: { author: 'bob' } });
    expect((await results.next()).data).toMatchObject({ status: 'denied', problem: { code: 'access_denied' } });
  });

  it('that reads the history in the name of another is denied as well', async () => {
    const { bus, results } = await open();
    await ask(bus);
    await results.next();
    for (const data of [
      { op: 'log', author: 'bob' },
      { op: 'diff', from: 1, to: 1, author: 'bob' },
    ]) {
      await ask(bus, { data: { patch: undefined, ...data } });
      expect((await results.next()).data).toMatchObject({
        status: 'denied',
        version: 1,
        problem: { code: 'access_denied' },
      });
    }
    await ask(bus, { data: { op: 'log', patch: undefined } });
    expect((await results.next()).data).toMatchObject({ status: 'found', log: [{ version: 1 }] });
  });
});

describe('an unreadable request', () => {
  it('is answered when it names its requester, with every fault and the present version', async () => {
    const { bus, results } = await open();
    await ask(bus);
    await results.next();
    await ask(bus, { id: 'r2', data: { patch: 5, expectedVersion: 'many' } });
    expect(await results.next()).toMatchObject({
      topic: 'config/vad/result/ann',
      correlationid: 'r2',
      data: {
        status: 'rejected',
        version: 1,
        changed: [],
        problem: {
          code: 'request_malformed',
          errors: [{ pointer: '/patch' }, { pointer: '/expectedVersion' }],
        },
      },
    });
    await ask(bus, { id: 'r3', topic: 'config/none/request', subject: 'none', data: { op: 'hope' } });
    expect((await results.next()).data).toMatchObject({ status: 'rejected', service: 'none', version: 0 });
  });

  it.each([
    ['/instance/ann'],
    ['/operator/ann/laptop'],
    ['/operator/Ann'],
    ['/operator'],
    ['operator/ann'],
    ['somewhere/operator/ann'],
  ])('is not answered when its source is %s', async (source) => {
    const { bus, results, engine } = await open();
    await ask(bus, { source });
    await ask(bus, { id: 'r2' });
    expect((await results.next()).correlationid).toBe('r2');
    expect(results.all).toHaveLength(1);
    expect(told('a request was refused unread')).toMatchObject([{ code: 'name_invalid' }]);
    expect(engine.current('vad')?.snapshot.version).toBe(1);
  });

  it('is logged once a minute for each source, with a count', async () => {
    const { bus, results } = await open();
    for (let index = 0; index < 5; index++) await bus.publish('config/vad/request', 'no request');
    for (let index = 0; index < 3; index++) await ask(bus, { data: { op: 'hope' } });
    for (let index = 0; index < 3; index++) await results.next();
    const refused = () => told('a request was refused unread').map(({ requester, dropped }) => [requester, dropped]);
    expect(refused()).toEqual([
      [undefined, 0],
      ['ann', 0],
    ]);
    now += 60_000;
    await bus.publish('config/vad/request', 'no request');
    await ask(bus, { data: { op: 'hope' } });
    await results.next();
    expect(refused().slice(2)).toEqual([
      [undefined, 4],
      ['ann', 2],
    ]);
  });
});

describe('an authority with the keys of operators', () => {
  const [ann, bob, stranger, authority] = [
    createSigningKey(),
    createSigningKey(),
    createSigningKey(),
    createSigningKey(),
  ];
  const trusted = (key: typeof ann, rest: Partial<TrustedKey> = {}): TrustedKey => ({
    ...trustedKeyOf(key, 'operator'),
    ...rest,
  });
  const openWith = (...keys: TrustedKey[]) => open({ operatorKeys: createKeyRing({ keys }) });

  it('carries out a request that one of them signed', async () => {
    const { bus, results } = await openWith(trusted(ann));
    await ask(bus, { signer: createSigner(ann) });
    expect((await results.next()).data.status).toBe('applied');
  });

  it.each<[string, TrustedKey[], Signer | undefined]>([
    ['unsigned', [trusted(ann)], undefined],
    ['signed by a stranger', [trusted(ann)], createSigner(stranger)],
    ['signed by a key that has expired', [trusted(ann, { expiresAt: '2026-06-01T00:00:00Z' })], createSigner(ann)],
    ['signed by a key of the authority', [trustedKeyOf(authority, 'authority')], createSigner(authority)],
    ['signed by a key for other services', [trusted(ann, { services: ['asr-*'] })], createSigner(ann)],
    ['signed by a key for no service', [trusted(ann, { services: [] })], createSigner(ann)],
    ['signed by the key of another operator', [trusted(bob, { operator: 'bob' })], createSigner(bob)],
    [
      'signed in the name of another key',
      [trusted(ann)],
      { keyId: ann.kid, sign: (bytes) => createSigner(stranger).sign(bytes) },
    ],
  ])('denies a request that is %s', async (_, keys, signer) => {
    const { bus, results, engine } = await openWith(...keys);
    await ask(bus, { signer });
    expect(await results.next()).toMatchObject({
      topic: 'config/vad/result/ann',
      correlationid: 'r1',
      data: { status: 'denied', version: 0, problem: { code: 'access_denied' } },
    });
    expect(engine.current('vad')).toBeUndefined();
  });

  it.each([
    ['that it names', { services: ['vad'] }],
    ['that its pattern matches', { services: ['asr', 'v*'] }],
  ])('accepts a key for a service %s, until the key expires', async (_, rest) => {
    const { bus, results } = await openWith(
      trusted(ann, { ...rest, expiresAt: '2026-06-01T00:00:00.001Z', operator: 'ann' }),
    );
    await ask(bus, { signer: createSigner(ann) });
    expect((await results.next()).data.status).toBe('applied');
  });

  it('does not let an operator read the history with the key of another', async () => {
    const { bus, results } = await openWith(trusted(bob, { operator: 'bob' }));
    await ask(bus, { signer: createSigner(bob), data: { op: 'log', patch: undefined } });
    expect((await results.next()).data).toMatchObject({ status: 'denied', problem: { code: 'access_denied' } });
  });

  it('answers a signed but unreadable request as malformed, not as denied', async () => {
    const { bus, results } = await openWith(trusted(ann));
    await ask(bus, { signer: createSigner(ann), data: { op: 'hope' } });
    expect((await results.next()).data).toMatchObject({ status: 'rejected', problem: { code: 'request_malformed' } });
  });
});

describe('a result', () => {
  it('that the broker refuses is logged, and is sent when the requester asks again', async () => {
    const { bus, results } = await open();
    isRefused = true;
    await ask(bus);
    await ask(bus, { id: 'marker', topic: 'config/marker/request', subject: 'marker' });
    // The second one is within a second of the first, and is not logged.
    while (told('a result was not delivered; the requester asks again').length < 1) await new Promise(setImmediate);
    await new Promise(setImmediate);
    isRefused = false;
    await ask(bus);
    expect((await results.next()).data).toMatchObject({ status: 'duplicate', original: { status: 'applied' } });
  });

  it('that is too large is sent without the part that makes it so', async () => {
    const { bus, results } = await open();
    const values = (text: string) =>
      Object.fromEntries(Array.from({ length: 9000 }, (_, n) => [`${'n'.repeat(80)}${n}`, text]));
    await ask(bus, { data: { op: 'replace', values: values('a'), patch: undefined } });
    await results.next();
    await ask(bus, { id: 'r2', data: { op: 'replace', values: values('b'), patch: undefined } });
    expect((await results.next()).data).toMatchObject({ status: 'applied', version: 2 });
    await ask(bus, { id: 'r3', data: { op: 'diff', from: 1, to: 2, patch: undefined } });
    const { data, correlationid } = await results.next();
    expect(correlationid).toBe('r3');
    expect(data).toMatchObject({
      status: 'rejected',
      version: 2,
      changed: [],
      problem: { code: 'message_too_large', detail: expect.stringContaining('the limit') },
    });
    expect(data.diff).toBeUndefined();
    await ask(bus, { id: 'r4', data: { op: 'explain', patch: undefined } });
    expect((await results.next()).data).toMatchObject({ status: 'rejected', problem: { code: 'message_too_large' } });
  });

  it('of an applied change says so, however large it is', async () => {
    const { bus, results } = await open({
      writer: createEnvelopeWriter({ source: '/authority/config-authority', maxEnvelopeBytes: 2000 }),
    });
    const patch = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`setting-${n}`, { value: n }]));
    await ask(bus, { data: { patch: { first: true } } });
    await results.next();
    await ask(bus, { id: 'r2', data: { patch } });
    expect((await results.next()).data).toMatchObject({
      status: 'applied',
      version: 2,
      changed: [''],
      warnings: [{ pointer: '', message: expect.stringContaining('too large') }],
    });
  });

  it('tells an operator that another operator changed the same setting', async () => {
    const { bus, results } = await open();
    await ask(bus);
    await results.next();
    await ask(bus, { id: 'r2', source: '/operator/bob', data: { author: 'bob', patch: { threshold: 0.9 } } });
    const answers = [await results.next(), await results.next()];
    expect(answers.find(({ topic }) => topic.endsWith('/ann'))).toMatchObject({
      correlationid: 'r1',
      data: { status: 'conflict', overwrittenBy: 'bob', problem: { code: 'overwritten' } },
    });
    expect(told('conflicting changes')).toHaveLength(1);
  });
});

describe('a fault of the authority', () => {
  it('is logged, and does not end the authority', async () => {
    const engine = await createEngine({ store: createMemoryStore(), now: () => now });
    let isBroken = true;
    const broken: Engine = {
      ...engine,
      request: (...asked) => (isBroken ? Promise.reject(new TypeError('a fault of ours')) : engine.request(...asked)),
    };
    const { bus, results } = await open({ engine: broken });
    await ask(bus);
    while (told('a request failed; this is a fault of the authority').length < 1) await new Promise(setImmediate);
    isBroken = false;
    await ask(bus);
    expect((await results.next()).data.status).toBe('applied');
  });
});

describe('a stopped request handler', () => {
  it('answers the requests that are running, and accepts no more', async () => {
    const engine = await createEngine({ store: createMemoryStore(), now: () => now });
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const slow: Engine = {
      ...engine,
      request: async (...asked) => {
        reached.resolve();
        await go.promise;
        return engine.request(...asked);
      },
    };
    const { bus, results, requests } = await open({ engine: slow });
    await ask(bus);
    await reached.promise;
    let isStopped = false;
    const stopping = requests.stop().then(() => {
      isStopped = true;
    });
    await ask(bus, { id: 'r2' });
    await new Promise(setImmediate);
    expect(isStopped).toBe(false);
    go.resolve();
    await stopping;
    expect(await results.next()).toMatchObject({ correlationid: 'r1', data: { status: 'applied' } });
    await ask(bus, { id: 'r3' });
    expect(results.all).toHaveLength(1);
  });

  it('stops although the broker is gone', async () => {
    const bus = await startBus();
    const { requests } = await open({ bus });
    await bus.stop();
    await requests.stop();
    await requests.stop();
  });
});
