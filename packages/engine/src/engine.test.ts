import { createProblem, type JsonObject, type Request, type Result, SetpointError } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { type ContractRegistry, createContractRegistry } from './contract-registry.ts';
import type { ConflictNotice } from './decide/conflict.ts';
import { createEngine, type Engine } from './engine.ts';
import { parseYamlFile } from './layer/yaml-file.ts';
import { compileSchema } from './schema/schema.ts';
import { createMemoryStore } from './store/memory.ts';
import type { Store, VersionRecord } from './store/store.ts';

const start = Date.parse('2026-06-01T00:00:00Z');

interface World {
  readonly contracts: ContractRegistry;
  readonly engine: Engine;
  readonly store: Store;
  readonly clock: { now: number };
  /** Makes the store fail, or say that another writer was there, until it is unset. */
  readonly trouble: { append?: () => ReturnType<Store['append']>; read?: Error };
  readonly appended: number[];
}

async function open(options: { maxEnvelopeBytes?: number; store?: Store } = {}): Promise<World> {
  const clock = { now: start };
  const store = options.store ?? createMemoryStore({ now: () => clock.now });
  const trouble: World['trouble'] = {};
  const appended: number[] = [];
  const watched = new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (trouble.read && /^(find|list)/.test(String(name))) return Promise.reject(trouble.read);
        if (name === 'append') {
          appended.push((args[0] as unknown[]).length);
          if (trouble.append) return trouble.append();
        }
        return member.apply(target, args);
      };
    },
  });
  const contracts = createContractRegistry();
  const engine = await createEngine({
    store: watched,
    contracts,
    now: () => clock.now,
    ...(options.maxEnvelopeBytes && { maxEnvelopeBytes: options.maxEnvelopeBytes }),
  });
  return { engine, contracts, store, clock, trouble, appended };
}

let ids = 0;
const ask = (engine: Engine, request: object, id = `e-${ids++}`, requester = 'ann'): Promise<Result> =>
  engine.request({ service: 'vad', author: requester, ...request } as Request, id, { requester });
const merge = (patch: JsonObject) => ({ op: 'merge', patch });

const noSpace = (): Promise<never> => Promise.reject(new SetpointError('store_unavailable', 'the disk is full'));

function layer(text: string) {
  const parsed = parseYamlFile(text, 'vad.yaml');
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  return parsed.layer;
}

describe('the engine', () => {
  it('knows the services that exist, sorted', async () => {
    const { engine } = await open();
    await Promise.all(['web', 'api', 'jobs'].map((service) => ask(engine, { ...merge({ a: 1 }), service })));
    await ask(engine, { op: 'delete', service: 'jobs' });
    expect(engine.services()).toEqual(['api', 'web']);
    expect(engine.current('api')?.snapshot.values).toEqual({ a: 1 });
    expect(engine.current('jobs')).toBeUndefined();
    expect(engine.current('none')).toBeUndefined();
  });

  it('goes on where the store left off', async () => {
    const { engine, store } = await open();
    await ask(engine, merge({ a: 1 }), 'first');
    await ask(engine, merge({ b: 2 }));
    const { engine: next } = await open({ store });
    expect(next.current('vad')?.snapshot).toMatchObject({ version: 2, values: { a: 1, b: 2 } });
    expect(await ask(next, merge({ a: null }))).toMatchObject({ status: 'applied', version: 3, changed: ['/a'] });
    expect(await ask(next, merge({ a: 1 }), 'first')).toMatchObject({ status: 'duplicate', original: { version: 1 } });
  });

  it('takes its clock from the machine where none is given', async () => {
    const engine = await createEngine({ store: createMemoryStore() });
    const before = Date.now();
    await ask(engine, merge({ a: 1 }));
    expect(Date.parse(engine.current('vad')?.snapshot.committedAt ?? '')).toBeGreaterThanOrEqual(before);
  });

  it('refuses a document that would not fit a message', async () => {
    const { engine } = await open({ maxEnvelopeBytes: 20_000 });
    expect(await ask(engine, merge({ a: 'x'.repeat(3700) }))).toMatchObject({
      status: 'rejected',
      problem: { code: 'message_too_large', detail: expect.stringContaining('3616 is the limit') },
    });
    expect(await ask(engine, merge({ a: 'x'.repeat(3500) }))).toMatchObject({ status: 'applied' });
  });

  it('answers what it can not decide instead of failing, and goes on', async () => {
    const { engine } = await open();
    const odd = { op: 'patch', patch: [{ op: 'remove', path: 'no pointer' }] };
    const [bad, good] = await Promise.all([ask(engine, odd), ask(engine, merge({ a: 1 }))]);
    expect(bad).toMatchObject({ status: 'rejected', version: 0, problem: { code: 'request_malformed' } });
    expect(bad.problem?.detail).toContain('it could not be decided: "no pointer" is not a JSON Pointer');
    expect(good).toMatchObject({ status: 'applied', version: 1 });
  });
});

describe('a batch', () => {
  it('is what arrived together, stored with one write and answered in order', async () => {
    const { engine, appended } = await open();
    const answered: number[] = [];
    const results = await Promise.all(
      [1, 2, 3].map(async (a) => {
        const result = await ask(engine, merge({ a }));
        answered.push(result.version);
        return result;
      }),
    );
    expect(appended).toEqual([3]);
    expect(results.map(({ status, version }) => [status, version])).toEqual([
      ['applied', 1],
      ['applied', 2],
      ['applied', 3],
    ]);
    expect(answered).toEqual([1, 2, 3]);
  });

  it('holds at most 256', async () => {
    const { engine, appended } = await open();
    await Promise.all(Array.from({ length: 300 }, (_, a) => ask(engine, merge({ a }))));
    expect(appended.reduce((sum, count) => sum + count)).toBe(300);
    expect(Math.max(...appended)).toBeLessThanOrEqual(256);
    expect(engine.current('vad')?.snapshot.version).toBe(300);
  });

  it('refuses what comes while 10,000 changes wait, and takes the same again later', async () => {
    const { engine } = await open();
    const waiting = Array.from({ length: 10_000 }, () => ask(engine, { op: 'validate', patch: {} }));
    const refused = await ask(engine, merge({ a: 1 }), 'too-many');
    expect(refused).toMatchObject({ status: 'rejected', problem: { code: 'overloaded' } });
    await Promise.all(waiting);
    expect(await ask(engine, merge({ a: 1 }), 'too-many')).toMatchObject({ status: 'applied', version: 1 });
  });

  it('gives one of many who expect the same version what it asks for', async () => {
    const { engine } = await open();
    const results = await Promise.all([1, 2, 3].map((a) => ask(engine, { ...merge({ a }), expectedVersion: 0 })));
    expect(results.map(({ status }) => status)).toEqual(['applied', 'conflict', 'conflict']);
  });

  it('may go back to a version that it has just made', async () => {
    const { engine } = await open();
    const steps = [
      merge({ a: 1 }),
      merge({ a: 2 }),
      { op: 'rollback', toVersion: 1 },
      { op: 'rollback', toVersion: 4 },
    ];
    const results = await Promise.all(steps.map((step) => ask(engine, step)));
    expect(results.map(({ status }) => status)).toEqual(['applied', 'applied', 'applied', 'rejected']);
    expect(engine.current('vad')?.snapshot.values).toEqual({ a: 1 });
  });

  it('may hold requests and files of several services', async () => {
    const { engine, appended } = await open();
    await Promise.all([
      ask(engine, merge({ a: 1 })),
      engine.loadSources('web', { layers: [layer('b: 1')], schema: undefined }),
      engine.loadSources('vad', { layers: [layer('a: 2\nb: 1')], schema: undefined }),
    ]);
    expect(appended).toEqual([3]);
    expect(engine.current('vad')?.snapshot).toMatchObject({ version: 2, values: { a: 1, b: 1 } });
    expect(engine.current('web')?.snapshot).toMatchObject({ version: 1, values: { b: 1 } });
  });

  it('writes nothing where there is nothing to keep', async () => {
    const { engine, appended } = await open();
    await engine.loadSources('vad', { layers: [], schema: undefined });
    await ask(engine, { op: 'validate', patch: { a: 1 } });
    expect(appended).toEqual([]);
  });
});

describe('who only reads', () => {
  it('is asked for its name like who changes something', async () => {
    const { engine } = await open();
    await ask(engine, merge({ a: 1 }));
    const read = { service: 'vad', op: 'log', author: 'bob' } as Request;
    expect(await engine.request(read, 'r-1', { requester: 'ann' })).toMatchObject({
      status: 'denied',
      problem: { code: 'access_denied' },
    });
  });
});

describe('a setting that is given back while the file says the same', () => {
  it('leaves the document as it is, and follows the next edit of the file, also after a restart', async () => {
    const { engine, store } = await open();
    const load = (on: Engine, text: string) => on.loadSources('vad', { layers: [layer(text)], schema: undefined });
    await load(engine, 'a: 1\n');
    await ask(engine, merge({ a: 2 }));
    await load(engine, 'a: 2\n');
    expect(await ask(engine, merge({ a: null }))).toMatchObject({ status: 'unchanged', version: 2 });

    const again = await createEngine({ store });
    await load(again, 'a: 3\n');
    expect(again.current('vad')?.snapshot.values).toEqual({ a: 3 });
  });
});

describe('a request that comes again', () => {
  it('is answered with what was answered, in the same batch and later', async () => {
    const { engine, appended } = await open();
    const [first, second] = await Promise.all([ask(engine, merge({ a: 1 }), 'r'), ask(engine, merge({ a: 1 }), 'r')]);
    const third = await ask(engine, merge({ a: 1 }), 'r');
    expect(first.status).toBe('applied');
    for (const again of [second, third])
      expect(again).toMatchObject({ status: 'duplicate', version: 1, original: first });
    expect(appended).toEqual([1]);
  });

  it('says where the service stands now', async () => {
    const { engine } = await open();
    await ask(engine, merge({ a: 1 }), 'r');
    await ask(engine, merge({ a: 2 }));
    expect(await ask(engine, merge({ a: 1 }), 'r')).toMatchObject({
      status: 'duplicate',
      version: 2,
      original: { version: 1 },
    });
    expect(engine.current('vad')?.snapshot.values).toEqual({ a: 2 });
  });

  it.each<[string, object]>([
    ['rejected', { op: 'rollback', toVersion: 9 }],
    ['unchanged', merge({ a: 1 })],
    ['conflict', { ...merge({}), expectedVersion: 9 }],
  ])('is not decided anew where it was %s', async (status, request) => {
    const { engine } = await open();
    await ask(engine, merge({ a: 1 }));
    const first = await ask(engine, request, 'r');
    expect(first.status).toBe(status);
    expect(await ask(engine, request, 'r')).toMatchObject({ status: 'duplicate', original: first });
  });

  it('is checked anew where it only asks', async () => {
    const { engine } = await open();
    const validate = { op: 'validate', patch: { a: 1 } };
    expect((await ask(engine, validate, 'r')).status).toBe('valid');
    expect((await ask(engine, validate, 'r')).status).toBe('valid');
    expect((await ask(engine, { op: 'log' }, 'r')).status).toBe('rejected');
  });
});

describe('a store that fails', () => {
  it('leaves everything as it was, and the same requests can be sent again', async () => {
    const { engine, trouble, store } = await open();
    await ask(engine, merge({ a: 1 }));
    const heard: number[] = [];
    engine.onCommit(({ snapshot }) => heard.push(snapshot.version));
    trouble.append = noSpace;
    const results = await Promise.all([
      ask(engine, merge({ a: 2 }), 'r-1'),
      ask(engine, { op: 'delete' }, 'r-2'),
      engine.loadSources('vad', { layers: [layer('b: 1')], schema: undefined }),
    ]);
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'rejected',
        version: 1,
        problem: {
          code: 'store_unavailable',
          detail: 'the disk is full; nothing was changed, the same request can be sent again',
        },
      });
    }
    expect(engine.current('vad')?.snapshot).toMatchObject({ version: 1, values: { a: 1 } });
    expect([heard, store.commitCount]).toEqual([[], 1]);

    delete trouble.append;
    expect(await ask(engine, merge({ a: 2 }), 'r-1')).toMatchObject({ status: 'applied', version: 2 });
    expect(heard).toEqual([2]);
  });

  it('is not asked for more than its batch: the next one goes on', async () => {
    const { engine, trouble } = await open();
    let calls = 0;
    trouble.append = () => {
      calls += 1;
      delete trouble.append;
      return noSpace();
    };
    const results = await Promise.all(Array.from({ length: 257 }, (_, a) => ask(engine, merge({ a }))));
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(256);
    expect([calls, results.at(-1)?.version]).toEqual([1, 1]);
  });

  it('can not be read: no request is carried out that might be one that came before', async () => {
    const { engine, trouble, appended } = await open();
    trouble.read = new SetpointError('store_unavailable', 'the disk is gone');
    expect(await ask(engine, merge({ a: 1 }))).toMatchObject({
      status: 'rejected',
      problem: { code: 'store_unavailable' },
    });
    expect(appended).toEqual([]);
  });

  it('can not be read: the history is answered so', async () => {
    const { engine, trouble } = await open();
    await ask(engine, merge({ a: 1 }));
    trouble.read = new SetpointError('store_unavailable', 'the disk is gone');
    for (const request of [{ op: 'log' }, { op: 'diff', from: 1, to: 1 }]) {
      expect(await ask(engine, request)).toMatchObject({
        status: 'rejected',
        version: 1,
        problem: { code: 'store_unavailable', detail: 'the disk is gone; ask again' },
      });
    }
  });

  it('has another writer: nothing of the batch counts, and the answer says so', async () => {
    const store = createMemoryStore({ now: () => start });
    const [{ engine: first }, { engine: second }] = [await open({ store }), await open({ store })];
    await ask(first, merge({ a: 1 }));
    const results = await Promise.all([
      ask(second, { ...merge({ b: 1 }), service: 'web' }),
      ask(second, merge({ a: 2 })),
    ]);
    for (const { status, problem } of results) {
      expect([status, problem?.code]).toEqual(['rejected', 'store_unavailable']);
      expect(problem?.detail).toContain('another writer moved vad to version 1; stop it, then start again');
    }
    expect(second.services()).toEqual([]);
    expect(store.commitCount).toBe(1);
    expect(await ask(second, { ...merge({ b: 1 }), service: 'web' })).toMatchObject({ status: 'applied', version: 1 });
  });
});

describe('who listens', () => {
  it('hears of a version when it is durable and before its request is answered, in order', async () => {
    const { engine, store } = await open();
    const heard: string[] = [];
    engine.onCommit(({ snapshot }) => heard.push(`first ${snapshot.version}, stored ${store.commitCount}`));
    engine.onCommit(({ snapshot }) => heard.push(`second ${snapshot.version}`));
    const tell = ({ version }: Result) => heard.push(`answer ${version}`);
    await Promise.all([ask(engine, merge({ a: 1 })).then(tell), ask(engine, merge({ a: 2 })).then(tell)]);
    expect(heard).toEqual(['first 1, stored 2', 'second 1', 'first 2, stored 2', 'second 2', 'answer 1', 'answer 2']);
  });

  it('hears of files too, and of nothing that made no version', async () => {
    const { engine } = await open();
    const heard: VersionRecord[] = [];
    engine.onCommit((record) => heard.push(record));
    await engine.loadSources('vad', { layers: [layer('a: 1')], schema: undefined });
    await ask(engine, merge({ a: 1 }));
    await ask(engine, { op: 'rollback', toVersion: 9 });
    expect(heard.map(({ snapshot }) => snapshot.author)).toEqual(['file:vad.yaml']);
  });

  it('hears nothing more once it stopped', async () => {
    const { engine } = await open();
    const heard: number[] = [];
    const end = engine.onCommit(({ snapshot }) => heard.push(snapshot.version));
    await ask(engine, merge({ a: 1 }));
    end();
    end();
    await ask(engine, merge({ a: 2 }));
    expect(heard).toEqual([1]);
  });
});

describe('operators who change the same', () => {
  it('are told of it, secrets masked', async () => {
    const { engine, clock } = await open();
    const notices: ConflictNotice[] = [];
    const end = engine.onConflict((notice) => notices.push(notice));
    const schema = compileSchema({ additionalProperties: true, properties: { key: { 'x-secret': true } } });
    await engine.loadSources('vad', { layers: [], schema });
    await ask(engine, merge({ a: 1, key: 'hunter1' }), 'r-ann', 'ann');
    clock.now += 4000;
    await ask(engine, merge({ a: 2, key: 'hunter2' }), 'r-bob', 'bob');
    expect(notices).toMatchObject([
      {
        requester: 'ann',
        requestId: 'r-ann',
        result: {
          status: 'conflict',
          version: 2,
          overwrittenBy: 'bob',
          diff: [{ pointer: '', before: { a: 1, key: '*** REDACTED ***' }, after: expect.anything() }],
        },
      },
    ]);
    expect(JSON.stringify(notices)).not.toContain('hunter');
    end();
    await ask(engine, merge({ a: 3 }), 'r-cy', 'cy');
    expect(notices).toHaveLength(1);
  });

  it('are not told where a file changed it', async () => {
    const { engine } = await open();
    const notices: ConflictNotice[] = [];
    engine.onConflict((notice) => notices.push(notice));
    await ask(engine, merge({ a: 1 }));
    await engine.loadSources('vad', { layers: [layer('b: 1')], schema: undefined });
    expect(notices).toEqual([]);
  });

  it('do not learn a secret that only a contract marked, after its instance has gone', async () => {
    const { engine, contracts } = await open();
    const notices: ConflictNotice[] = [];
    engine.onConflict((notice) => notices.push(notice));
    const schema = { properties: { key: { type: 'string', 'x-secret': true }, a: {} } };
    contracts.announce({ service: 'vad', digest: 'sha256:c', schema });
    contracts.setLive('vad', new Map([['vad-1', 'sha256:c']]));
    await ask(engine, merge({ a: 1 }), 'r-0', 'ann');
    await ask(engine, merge({ key: 'hunter2' }), 'r-ann', 'ann');
    contracts.setLive('vad', new Map());
    await ask(engine, merge({ key: null }), 'r-bob', 'bob');
    expect(notices.map(({ requester }) => requester)).toEqual(['ann']);
    expect(JSON.stringify(notices)).not.toContain('hunter2');
  });
});

describe('contracts', () => {
  const contract = (digest: string, maximum: number) => ({
    service: 'vad',
    digest,
    schema: { properties: { a: { maximum } } },
  });

  it('of running instances are asked', async () => {
    const { engine, contracts } = await open();
    contracts.announce(contract('sha256:c', 5));
    contracts.announce(contract('sha256:c', 5));
    expect((await ask(engine, merge({ a: 9 }))).warnings).toHaveLength(1);
    contracts.setLive(
      'vad',
      new Map([
        ['vad-1', 'sha256:c'],
        ['vad-2', 'sha256:unknown'],
      ]),
    );
    expect((await ask(engine, merge({ a: 8 }))).problem?.errors).toMatchObject([{ pointer: '/a', instance: 'vad-1' }]);
    contracts.setLive('vad', new Map());
    expect((await ask(engine, merge({ a: 8 }))).status).toBe('applied');
  });

  it('that are no schema are refused when a running instance has them', async () => {
    const { contracts } = await open();
    const announce = () => contracts.announce({ service: 'vad', digest: 'sha256:c', schema: { type: 'nope' } });
    announce();
    const { refused } = contracts.setLive('vad', new Map([['vad-1', 'sha256:c']]));
    expect(refused).toMatchObject([{ code: 'document_invalid', faults: [{ pointer: '/type' }] }]);
    expect(contracts.setLive('vad', new Map([['vad-2', 'sha256:c']])).refused).toEqual([]);
    contracts.setLive('vad', new Map([['vad-1', 'sha256:d']]));
    expect(() => contracts.announce({ service: 'vad', digest: 'sha256:d', schema: { type: 'nope' } })).toThrow(
      expect.objectContaining({ code: 'document_invalid' }),
    );
  });

  it('of a service that nobody knows are none that could be asked', async () => {
    const { engine, contracts } = await open();
    contracts.setLive('vad', new Map([['vad-1', 'sha256:c']]));
    expect((await ask(engine, merge({ a: 9 }))).warnings).toHaveLength(1);
  });

  it('are kept while a batch is being stored', async () => {
    const { engine, contracts, trouble, store } = await open();
    contracts.announce(contract('sha256:c', 5));
    const { promise, resolve } = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    trouble.append = async () => {
      reached.resolve();
      await promise;
      return { kind: 'stored' };
    };
    const first = ask(engine, merge({ a: 9 }));
    await reached.promise;
    contracts.setLive('vad', new Map([['vad-1', 'sha256:c']]));
    delete trouble.append;
    resolve();
    expect((await first).status).toBe('applied');
    expect((await ask(engine, { op: 'validate', patch: { a: 8 } })).problem?.errors).toMatchObject([
      { instance: 'vad-1' },
    ]);
    expect(store.commitCount).toBe(0);
  });

  it('Isolation-13-Contracts-Bounded: that no running instance has are forgotten past 256, the oldest first', async () => {
    const { contracts } = await open();
    const isKnown = (digest: string): boolean =>
      contracts.setLive('vad', new Map([['vad-1', digest]])).missing.length === 0;
    for (let i = 0; i < 256; i += 1) contracts.announce(contract(`sha256:${i}`, 5));
    expect(isKnown('sha256:0')).toBe(true);
    contracts.announce(contract('sha256:256', 5));
    contracts.announce(contract('sha256:257', 5));
    expect([isKnown('sha256:1'), isKnown('sha256:9')]).toEqual([false, true]);
    expect(isKnown('sha256:257')).toBe(true);
  });

  it('Isolation-13-Contracts-Bounded: take no more than 8 MiB while no running instance has them', async () => {
    const { contracts } = await open();
    const text = 'x'.repeat(240_000);
    for (let i = 0; i < 4_000; i += 1) {
      contracts.announce({ service: `s-${i}`, digest: 'sha256:c', schema: { description: text } });
    }
    const missing = Array.from({ length: 4_000 }, (_, i) => i).filter(
      (i) => contracts.setLive(`s-${i}`, new Map([['i', 'sha256:c']])).missing.length > 0,
    );
    expect(missing.length).toBeGreaterThan(3_960);
    expect(missing).not.toContain(3_999);
  });
});

describe('the problems of files', () => {
  it('are there while a file is wrong, and gone when it is mended', async () => {
    const { engine } = await open();
    const problem = createProblem('file_invalid', 'it is broken');
    await engine.loadSources('vad', { layers: [], schema: undefined, problem });
    expect([...engine.problems()]).toEqual([['vad', problem]]);
    await engine.loadSources('vad', { layers: [layer('a: 1')], schema: undefined });
    expect([...engine.problems()]).toEqual([]);
  });
});

describe('the audit', () => {
  it('has every answer to a request, and every file that made a version', async () => {
    const { engine, store, clock } = await open();
    await ask(engine, { ...merge({ a: 1 }), reason: 'why' }, 'r-1');
    clock.now += 1000;
    await ask(engine, { ...merge({}), expectedVersion: 9 }, 'r-2', 'bob');
    await engine.loadSources('vad', { layers: [layer('b: 1')], schema: undefined });
    await engine.loadSources('vad', { layers: [layer('b: 1')], schema: undefined });
    const audit = await store.listAudit('vad', 10);
    expect(audit.map(({ result: _, requestDigest: __, ...entry }) => entry)).toEqual([
      {
        at: '2026-06-01T00:00:01.000Z',
        service: 'vad',
        author: 'file:vad.yaml',
        op: 'file',
        status: 'applied',
        reason: 'the file changed',
      },
      {
        at: '2026-06-01T00:00:01.000Z',
        service: 'vad',
        requestKey: 'bob/vad/r-2',
        author: 'bob',
        op: 'merge',
        status: 'conflict',
        reason: '',
      },
      {
        at: '2026-06-01T00:00:00.000Z',
        service: 'vad',
        requestKey: 'ann/vad/r-1',
        author: 'ann',
        op: 'merge',
        status: 'applied',
        reason: 'why',
      },
    ]);
    expect(audit[2]?.result).toMatchObject({ status: 'applied', version: 1 });
  });
});

it.each([
  ['export', { op: 'export', format: 'yaml' }],
  ['import', { op: 'import', text: 'a: 1', format: 'yaml' }],
  ['preview a schema', { op: 'preview_schema', schema: {} }],
] as const)('refuses to %s when it was opened without authoring', async (operation, request) => {
  const engine = await createEngine({ store: createMemoryStore() });
  await engine.request({ service: 'vad', author: 'ann', op: 'merge', patch: { a: 1 } }, 'r-1', { requester: 'ann' });
  const result = await engine.request({ service: 'vad', author: 'ann', ...request }, 'r-2', { requester: 'ann' });
  expect(result).toMatchObject({
    status: 'rejected',
    problem: {
      code: 'request_malformed',
      detail: `this authority does not ${operation}: its engine was opened without authoring`,
    },
  });
});
