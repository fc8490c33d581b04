import type { Bus } from '@setpoint/bus';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import {
  createEnvelopeWriter,
  createKeyRing,
  createProblem,
  createSigner,
  createSigningKey,
  type Envelope,
  type HealthState,
  openMessage,
  type Request,
  type Result,
  type ResultBase,
  type Signer,
  trustedKeyOf,
} from '@setpoint/protocol';
import { createInbox } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createOperator, type Operator, type OperatorOptions } from './create-operator.ts';

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
  vi.useRealTimers();
});

async function startBus(): Promise<Bus> {
  const bus = broker.connect();
  stack.defer(() => bus.stop());
  await bus.start();
  return bus;
}

async function open(options: Partial<OperatorOptions> = {}) {
  return createOperator({ bus: await startBus(), name: 'ann', ...options });
}

const base = {
  service: 'vad',
  epoch: 7,
  version: 2,
  changed: [],
  restartRequired: [],
  warnings: [],
} as const;
const result = (rest: Partial<ResultBase> = {}): Result => ({ ...base, status: 'applied', ...rest });
const conflict = (rest: { readonly overwrittenBy?: string } = {}): Result => ({
  ...base,
  status: 'conflict',
  problem: createProblem('version_conflict', 'it is at another version'),
  ...rest,
});

/** An authority that does nothing by itself. */
async function openAuthority({ signer, prefix = '' }: { signer?: Signer; prefix?: string } = {}) {
  const root = prefix === '' ? '' : `${prefix}/`;
  const bus = await startBus();
  const requests = createInbox<{ envelope: Envelope; data: Request; bytes: Uint8Array }>();
  await bus.subscribe(`${root}config/+/request`, ({ payload }) => {
    requests.put({ ...openMessage('setpoint.request.v1', payload, { now: 0 }), bytes: payload });
  }).ready;
  const writer = createEnvelopeWriter({ source: '/authority/config-authority', signer });
  return {
    requests,
    say: (state: HealthState, session = 's1'): Promise<void> => {
      const data = {
        instance: 'config-authority',
        service: 'config-authority',
        session,
        ok: state === 'ready',
        state,
        event: state === 'offline' ? 'shutdown' : state,
        startedAt: '2026-06-01T00:00:00.000Z',
      };
      const { bytes } = writer.seal({ type: 'setpoint.health.v1', subject: 'config-authority', data });
      return bus.publish(`${root}system/health/config-authority`, bytes, { retain: true });
    },
    answer: (correlationid: string | undefined, data: Result, to = 'ann'): Promise<void> => {
      const { bytes } = writer.seal({ type: 'setpoint.result.v1', subject: data.service, data, correlationid });
      return bus.publish(`${root}config/${data.service}/result/${to}`, bytes);
    },
    raw: (bytes: Uint8Array | string): Promise<void> => bus.publish(`${root}config/vad/result/ann`, bytes),
  };
}

/** Asks for something else, and sees to it that it is the next thing that is asked. */
async function askNext(operator: Operator, authority: Awaited<ReturnType<typeof openAuthority>>): Promise<void> {
  const asking = operator.request('vad', { ...merge, id: 'the-next' });
  const { envelope } = await authority.requests.next();
  expect(envelope.id).toBe('the-next');
  await authority.answer('the-next', result());
  await asking;
}

const merge = { op: 'merge', patch: { threshold: 0.6 } } as const;

describe('a request', () => {
  it('names its operator, and is resolved with its result', async () => {
    const authority = await openAuthority({ prefix: 'acme' });
    await authority.say('ready');
    const operator = await open({ prefix: 'acme' });
    const asking = operator.request('vad', { ...merge, expectedVersion: 1, reason: 'quieter room' });
    const { envelope, data } = await authority.requests.next();
    expect(envelope).toMatchObject({ source: '/operator/ann', subject: 'vad', type: 'setpoint.request.v1' });
    expect(envelope.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(data).toEqual({
      service: 'vad',
      author: 'ann',
      op: 'merge',
      patch: { threshold: 0.6 },
      expectedVersion: 1,
      reason: 'quieter room',
    });
    await authority.answer(envelope.id, conflict());
    expect(await asking).toMatchObject({ status: 'conflict' });
  });

  it.each(['starting', 'offline'] as const)('waits while the authority is %s', async (state) => {
    const authority = await openAuthority();
    await authority.say(state);
    const operator = await open();
    const asking = operator.request('vad', merge);
    const marker = await startBus();
    await marker.subscribe('system/health/config-authority', () => {}).ready;
    expect(authority.requests.all).toEqual([]);
    await authority.say('degraded');
    const { envelope } = await authority.requests.next();
    await authority.answer(envelope.id, result());
    expect((await asking).status).toBe('applied');
  });

  it('is sent again, the same bytes, until it is answered', async () => {
    const authority = await openAuthority();
    await authority.say('ready');
    const operator = await open({ retryMs: 200 });
    const asking = operator.request('vad', { ...merge, id: 'my-own-id' });
    const first = await authority.requests.next();
    vi.advanceTimersByTime(200);
    const second = await authority.requests.next();
    expect(first.envelope.id).toBe('my-own-id');
    expect(second.bytes).toEqual(first.bytes);
    await authority.answer('my-own-id', result());
    await asking;
    vi.advanceTimersByTime(9000);
    await askNext(operator, authority);
    expect(authority.requests.all).toHaveLength(3);
  });

  it('is sent again where the broker refused it the first time', async () => {
    let isAllowed = false;
    const refused = Promise.withResolvers<void>();
    broker = createMemoryBroker({
      allow: ({ kind, topic }) => {
        if (kind === 'subscribe' || isAllowed || !topic.endsWith('/request')) return true;
        refused.resolve();
        return false;
      },
    });
    const authority = await openAuthority();
    await authority.say('ready');
    const operator = await open();
    const asking = operator.request('vad', merge);
    await refused.promise;
    isAllowed = true;
    vi.advanceTimersByTime(1000);
    const { envelope } = await authority.requests.next();
    await authority.answer(envelope.id, result());
    expect((await asking).status).toBe('applied');
  });

  it('that was answered before gets that answer', async () => {
    const authority = await openAuthority();
    await authority.say('ready');
    const asking = (await open()).request('vad', merge);
    const { envelope } = await authority.requests.next();
    await authority.answer(envelope.id, { ...base, status: 'duplicate', version: 9, original: result({ version: 3 }) });
    expect(await asking).toEqual(result({ version: 3 }));
  });

  it('gets its own answer among many', async () => {
    const authority = await openAuthority();
    await authority.say('ready');
    const operator = await open();
    const asking = ['a', 'b', 'c'].map((id) => operator.request(id === 'b' ? 'asr' : 'vad', { ...merge, id }));
    for (let asked = 0; asked < 3; asked++) await authority.requests.next();
    await authority.answer('c', result({ version: 3 }));
    await authority.answer('b', result({ version: 2, service: 'asr' }));
    await authority.answer('a', result({ version: 1 }));
    expect((await Promise.all(asking)).map(({ version }) => version)).toEqual([1, 2, 3]);
  });

  it('that is made twice at once with one id is one request, answered to both', async () => {
    const authority = await openAuthority();
    await authority.say('ready');
    const operator = await open();
    const asking = [1, 2].map(() => operator.request('vad', { ...merge, id: 'the-same' }));
    await authority.requests.next();
    await authority.requests.next();
    await authority.answer('the-same', result());
    expect((await Promise.all(asking)).map(({ status }) => status)).toEqual(['applied', 'applied']);
  });

  it('that is too large is refused', async () => {
    const operator = await open();
    await expect(
      operator.request('vad', { op: 'merge', patch: { text: 'x'.repeat(1_100_000) } }),
    ).rejects.toMatchObject({
      code: 'message_too_large',
    });
    await expect(operator.request('No Name', merge)).rejects.toMatchObject({ code: 'name_invalid' });
  });
});

describe('a request that gets no answer', () => {
  it('says that the authority is not there, and is not sent later', async () => {
    const authority = await openAuthority();
    const operator = await open({ timeoutMs: 500 });
    const refused = expect(operator.request('vad', merge)).rejects.toMatchObject({
      code: 'no_answer',
      message:
        'config-authority is not there: nothing was asked within 500 ms; is it running, on this broker and prefix?',
    });
    vi.advanceTimersByTime(500);
    await refused;
    await authority.say('ready');
    await askNext(operator, authority);
    vi.advanceTimersByTime(400);
    await askNext(operator, authority);
    expect(authority.requests.all).toHaveLength(2);
  });

  it('says that it may have been carried out where the authority is there', async () => {
    const authority = await openAuthority();
    await authority.say('ready');
    const operator = await open({ timeoutMs: 500, authority: 'config-authority' });
    const refused = expect(operator.request('vad', merge)).rejects.toMatchObject({
      code: 'no_answer',
      message:
        'config-authority did not answer within 500 ms; the request may still be carried out, so read the service before asking again',
    });
    await authority.requests.next();
    vi.advanceTimersByTime(500);
    await refused;
    vi.advanceTimersByTime(9000);
    await askNext(operator, authority);
    expect(authority.requests.all).toHaveLength(2);
  });

  it('says that it may have been carried out where the authority has gone since', async () => {
    const authority = await openAuthority();
    await authority.say('ready');
    const operator = await open({ timeoutMs: 500 });
    const refused = expect(operator.request('vad', merge)).rejects.toMatchObject({
      message: expect.stringContaining('the request may still be carried out'),
    });
    await authority.requests.next();
    await authority.say('offline');
    await new Promise(setImmediate);
    vi.advanceTimersByTime(500);
    await refused;
  });
});

describe('what is not its answer', () => {
  const key = createSigningKey();
  const keys = createKeyRing({ keys: [trustedKeyOf(key, 'authority')] });

  it('is a result that no trusted key has signed', async () => {
    const forger = await openAuthority();
    const authority = await openAuthority({ signer: createSigner(key) });
    await authority.say('ready');
    const asking = (await open({ keys })).request('vad', merge);
    const { envelope } = await authority.requests.next();
    await forger.answer(envelope.id, result({ version: 666 }));
    await authority.answer(envelope.id, result({ version: 3 }));
    expect((await asking).version).toBe(3);
  });

  it('is a result of another request, or of none, or what is no result', async () => {
    const authority = await openAuthority();
    await authority.say('ready');
    const asking = (await open()).request('vad', merge);
    const { envelope } = await authority.requests.next();
    await authority.raw('no result');
    await authority.answer(undefined, result({ version: 666 }));
    await authority.answer('another', result({ version: 666 }));
    await authority.answer(envelope.id, result({ version: 3 }));
    expect((await asking).version).toBe(3);
  });
});

describe('a notice', () => {
  it('is told to those who listen, and taken for no answer', async () => {
    const authority = await openAuthority();
    await authority.say('ready');
    const operator = await open();
    const notices: string[] = [];
    const end = operator.onNotice(({ overwrittenBy }) => void notices.push(`one: ${overwrittenBy}`));
    operator.onNotice(({ overwrittenBy }) => void notices.push(`two: ${overwrittenBy}`));
    const asking = operator.request('vad', merge);
    const { envelope } = await authority.requests.next();
    await authority.answer(envelope.id, conflict({ overwrittenBy: 'bob' }));
    await authority.answer(envelope.id, result());
    expect((await asking).status).toBe('applied');
    expect(notices).toEqual(['one: bob', 'two: bob']);
    end();
    const next = operator.request('vad', merge);
    await authority.answer(envelope.id, conflict({ overwrittenBy: 'eve' }));
    await authority.answer((await authority.requests.next()).envelope.id, result());
    await next;
    expect(notices).toEqual(['one: bob', 'two: bob', 'two: eve']);
  });
});

describe('an operator', () => {
  it('signs what it asks', async () => {
    const key = createSigningKey();
    const authority = await openAuthority();
    await authority.say('ready');
    const asking = (await open({ signer: createSigner(key) })).request('vad', merge);
    const { bytes, envelope } = await authority.requests.next();
    const keys = createKeyRing({ keys: [trustedKeyOf(key, 'operator')] });
    expect(openMessage('setpoint.request.v1', bytes, { keys, now: 0 }).signedBy).toEqual({ keyId: key.kid });
    await authority.answer(envelope.id, result());
    await asking;
  });

  it('has a name', async () => {
    await expect(open({ name: 'Ann B.' })).rejects.toMatchObject({ code: 'name_invalid' });
  });
});

describe('an authority that comes back', () => {
  it('is asked again at once, and only when its session is another', async () => {
    const authority = await openAuthority();
    await authority.say('ready');
    const operator = await open({ retryMs: 60_000 });
    const asking = operator.request('vad', { ...merge, id: 'over-the-restart' });
    await authority.requests.next();
    await authority.say('degraded');
    await authority.say('ready', 's2');
    const { envelope } = await authority.requests.next();
    expect(envelope.id).toBe('over-the-restart');
    expect(authority.requests.all).toHaveLength(2);
    await authority.answer(envelope.id, result());
    expect(await asking).toMatchObject({ status: 'applied' });
  });
});
