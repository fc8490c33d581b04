import type { JsonObject, JsonValue, Pointer, Result } from '@setpoint/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { leavesOf } from './document/leaf-settings.ts';
import { createEngine, type Engine } from './engine.ts';
import { writeSettings } from './layer/overrides.ts';
import { createMemoryStore } from './store/memory.ts';
import type { VersionRecord } from './store/store.ts';

const now = (): number => Date.parse('2026-06-01T12:00:00Z');
let ids = 0;

const leaf = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant([1]), fc.constant({}), fc.boolean());
const section = fc.dictionary(
  fc.constantFrom('a', 'b', 'c'),
  fc.oneof(leaf, fc.dictionary(fc.constantFrom('x', 'y'), leaf)),
);
const documents = fc.array(section as fc.Arbitrary<JsonObject>, { minLength: 1, maxLength: 12 });

async function engineWith(contents: readonly JsonObject[]): Promise<{ engine: Engine; records: VersionRecord[] }> {
  const engine = await createEngine({ store: createMemoryStore({ now }), now });
  const records: VersionRecord[] = [];
  engine.onCommit((record) => records.push(record));
  for (const [i, values] of contents.entries()) await ask(engine, { op: 'replace', values }, `op-${i}`);
  return { engine, records };
}

const ask = (engine: Engine, operation: object, author = 'ann'): Promise<Result> =>
  engine.request({ service: 'api', author, ...operation } as never, `p-${ids++}`, { requester: author });

/** Who made the value of each setting, by going through the whole history. */
function replay(records: readonly VersionRecord[]): Map<Pointer, string> {
  let before = new Map<Pointer, JsonValue>();
  let blamed = new Map<Pointer, string>();
  for (const { snapshot } of records) {
    const after = new Map(leavesOf(snapshot.values).map(({ pointer, value }) => [pointer, value]));
    blamed = new Map(
      [...after].map(([pointer, value]) => {
        const isSame = JSON.stringify(before.get(pointer)) === JSON.stringify(value);
        return [pointer, isSame ? (blamed.get(pointer) ?? snapshot.author) : snapshot.author];
      }),
    );
    before = after;
  }
  return blamed;
}

it('Version-02-Blame-Is-Replay: blames as a replay of the history does', async () => {
  await fc.assert(
    fc.asyncProperty(documents, async (contents) => {
      const { engine, records } = await engineWith(contents);
      const { found } = await ask(engine, { op: 'blame' });
      expect(new Map(found?.blame?.map(({ pointer, author }) => [pointer, author]))).toEqual(replay(records));
    }),
    { numRuns: 300 },
  );
});

it('Version-11-Difference-Applies: what differs, put into the old document, gives the new one', async () => {
  await fc.assert(
    fc.asyncProperty(documents, async (contents) => {
      const { engine, records } = await engineWith(contents);
      const [base, target] = [records[0], records.at(-1)].map((record) => record?.snapshot);
      if (!base || !target) throw new Error('there is no version');
      const { diff = [] } = await ask(engine, { op: 'diff', from: base.version, to: target.version });
      const settings = diff.map(({ pointer, after }) => ({ pointer, value: after }));
      // An object that lost its last member is there still, and empty: its member is what differs.
      expect(writeSettings(base.values, settings)).toEqual(target.values);
    }),
    { numRuns: 300 },
  );
});

it('Version-01-Exact-Rollback: goes back to any of a thousand versions with exactly its content', async () => {
  const contents = Array.from({ length: 1000 }, (_, i) => ({ n: i, s: { [`k${i % 7}`]: i, list: [i, { i }] } }));
  const { engine, records } = await engineWith(contents);
  expect(records).toHaveLength(1000);
  for (let toVersion = 1000; toVersion >= 1; toVersion -= 1) {
    const { status, digest } = await ask(engine, { op: 'rollback', toVersion });
    expect(status).toBe(toVersion === 1000 ? 'unchanged' : 'applied');
    expect(digest).toBe(records[toVersion - 1]?.snapshot.digest);
    expect(engine.current('api')?.snapshot.values).toEqual(contents[toVersion - 1]);
  }
});

it('Version-03-Chain-Verified: finds nothing wrong with what it made, and whatever was tampered with', async () => {
  const { engine } = await engineWith([{ a: 1 }, { a: 2 }, { a: 3 }]);
  const check = async () =>
    (await engine.request({ service: 'config-authority', author: 'ann', op: 'fsck' }, 'f', { requester: 'ann' })).found;
  expect(await check()).toEqual({ verified: 3, faults: [] });

  const { store } = engine;
  const original = store.versionsOf.bind(store);
  const tamper = async (change: (record: VersionRecord) => VersionRecord | undefined) => {
    store.versionsOf = async function* (service) {
      for await (const record of original(service)) {
        const changed = record.snapshot.version === 2 ? change(record) : record;
        if (changed) yield changed;
      }
    };
    return (await check())?.faults?.map(({ version, message }) => `${version}: ${message}`);
  };
  const withSnapshot = (record: VersionRecord, members: object): VersionRecord => ({
    ...record,
    snapshot: { ...record.snapshot, ...members },
  });
  expect(await tamper((record) => withSnapshot(record, { values: { a: 9 } }))).toEqual([
    '2: the document does not have the digest of its version',
  ]);
  expect(
    await tamper((record) => withSnapshot(record, { previous: { version: 1, digest: `sha256:${'0'.repeat(64)}` } })),
  ).toEqual(['2: it does not follow the version before it']);
  expect(await tamper((record) => withSnapshot(record, { epoch: 1 }))).toEqual([
    '2: its epoch or version is not above the one before it',
  ]);
  expect(await tamper(() => undefined)).toEqual(['3: the version before it is missing, and retention did not take it']);
});

it('finds nothing wrong with what retention has left', async () => {
  const { engine } = await engineWith(Array.from({ length: 20 }, (_, i) => ({ i })));
  await ask(engine, { op: 'tag', tag: 'kept', toVersion: 7 });
  await engine.store.prune({ keepVersions: 3 });
  const { found } = await engine.request({ service: 'config-authority', author: 'ann', op: 'fsck' }, 'g', {
    requester: 'ann',
  });
  expect(found).toEqual({ verified: 4, faults: [] });
  const { found: blamed } = await ask(engine, { op: 'blame' });
  expect(blamed?.blame).toMatchObject([{ pointer: '/i', version: 20 }]);
});
