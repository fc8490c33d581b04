import type { Bookmark, Commit, OutboxRow, Store, StoredService, VersionRecord } from '@setpoint/engine';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { answer, commit, draftOf, overrideOf, profileOf, tagOf } from './fixtures.ts';

export function describeModel(open: () => Promise<Store>): void {
  it('agrees with a model over random batches, right and wrong', async () => {
    const service = fc.constantFrom('api', 'web', 'jobs');
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ batch: fc.array(fc.tuple(service, intent), { maxLength: 5 }) }) },
      { weight: 1, arbitrary: fc.record({ sent: fc.record({ service, version: fc.nat(12) }) }) },
      { weight: 1, arbitrary: fc.record({ bookmarks: fc.array(anyMark(service), { maxLength: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ keepVersions: fc.nat(4), chunk: fc.integer({ min: 1, max: 3 }) }) },
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await using store = await open();
      const model = createModel();
      for (const each of steps) {
        if ('sent' in each) {
          await store.markSent([each.sent]);
          model.markSent(each.sent);
        } else if ('bookmarks' in each) {
          const marked = { ...answer('bookmarks', 0, 'applied'), bookmarks: each.bookmarks };
          expect(await store.append([marked])).toEqual(model.append([marked]));
        } else if ('chunk' in each) {
          const { versions } = await store.prune(each);
          expect(versions).toBe(model.prune(each.keepVersions));
        } else {
          const batch = model.batchOf(each.batch);
          expect(await store.append(batch)).toEqual(model.append(batch));
        }
      }
      await model.expectSame(store);
    });
    await fc.assert(property, { numRuns: 60 });
  });
}

type Intent = { readonly kind: 'commit' | 'delete' | 'answer'; readonly off: number; readonly override: boolean };

const intent: fc.Arbitrary<Intent> = fc.record({
  kind: fc.constantFrom('commit', 'commit', 'commit', 'delete', 'answer'),
  // Mostly right, now and then one too low or too high.
  off: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) }),
  override: fc.boolean(),
});

/** Few names, so that they meet. */
const anyMark = (service: fc.Arbitrary<string>): fc.Arbitrary<Bookmark> => {
  const name = fc.constantFrom('a', 'b');
  const version = fc.integer({ min: 1, max: 6 });
  return fc.oneof(
    fc.tuple(service, name, version).map(([of, tag, at]) => tagOf(of, tag, at)),
    fc.record({ kind: fc.constant('untag'), service, tag: name }),
    fc.tuple(name, fc.dictionary(service, version)).map(([profile, services]) => profileOf(profile, services)),
    fc.record({ kind: fc.constant('drop_profile'), profile: name }),
    fc.tuple(name, version).map(([draft, base]) => draftOf(draft, base)),
    fc.record({ kind: fc.constant('drop_draft'), service: fc.constant('api'), draft: name }),
  );
};

/** The promise in its plainest form: one list of what was stored, and every question answered from it. */
function createModel() {
  const stored: Commit[] = [];
  const sent: OutboxRow[] = [];
  const gone = new Set<string>();
  let requests = 0;

  const all = () =>
    stored.flatMap(({ service, next }, index) =>
      next?.record ? [{ service, ...next, record: next.record, index }] : [],
    );
  const isKept = ({ service, record }: { service: string; record: VersionRecord }) =>
    !gone.has(`${service} ${record.snapshot.version}`);
  const made = () => all().filter(isKept);
  const of = (service: string) => made().filter((each) => each.service === service);
  const versionOf = (service: string) => all().filter((each) => each.service === service).length;
  const bookmarks = () => stored.flatMap(({ bookmarks }) => bookmarks ?? []);
  /** Of each name what was said last. */
  const lastOf = <T>(pick: (bookmark: Bookmark) => readonly [string, T | undefined] | undefined): T[] =>
    [
      ...new Map(
        bookmarks().flatMap((bookmark) => [pick(bookmark) ?? []].filter((entry) => entry.length > 0) as [string, T][]),
      ),
    ]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, value]) => value ?? []);
  const tags = () =>
    lastOf((bookmark) => {
      if (bookmark.kind === 'tag') return [`${bookmark.tag.service} ${bookmark.tag.tag}`, bookmark.tag];
      return bookmark.kind === 'untag' ? [`${bookmark.service} ${bookmark.tag}`, undefined] : undefined;
    });
  const profiles = () =>
    lastOf((bookmark) => {
      if (bookmark.kind === 'profile') return [bookmark.profile.profile, bookmark.profile];
      return bookmark.kind === 'drop_profile' ? [bookmark.profile, undefined] : undefined;
    });
  const drafts = () =>
    lastOf((bookmark) => {
      if (bookmark.kind === 'draft') return [bookmark.draft.draft, bookmark.draft];
      return bookmark.kind === 'drop_draft' ? [bookmark.draft, undefined] : undefined;
    });
  const isNamed = (service: string, version: number) =>
    tags().some((tag) => tag.service === service && tag.version === version) ||
    profiles().some(({ services }) => services[service] === version) ||
    drafts().some((draft) => draft.service === service && draft.base === version);
  const answers = () => stored.filter(({ service, next }) => !next?.record || isKept({ service, record: next.record }));
  const isSent = ({ service, version }: OutboxRow) =>
    sent.some((row) => row.service === service && row.version >= version);

  return {
    batchOf(intents: readonly (readonly [string, Intent])[]): Commit[] {
      const steps = new Map<string, number>();
      return intents.map(([service, { kind, off, override }]) => {
        const at = versionOf(service) + (steps.get(service) ?? 0) + off;
        requests += 1;
        const requestKey = `r-${requests}`;
        if (kind === 'answer') return answer(service, at, 'rejected', requestKey);
        steps.set(service, (steps.get(service) ?? 0) + 1);
        const overrides = override ? [overrideOf(at + 1)] : [];
        // Three kinds of sources, or none, in turns of several versions.
        const turn = Math.floor(requests / 3) % 4;
        const sources = { digest: `sha256:s-${turn}`, content: { turn } };
        const deleted = kind === 'delete';
        return commit(service, at + 1, { requestKey, overrides, deleted, ...(turn > 0 && { sources }) });
      });
    },
    append(batch: readonly Commit[]) {
      const before = stored.length;
      for (const each of batch) {
        if (each.expected === versionOf(each.service)) stored.push(each);
        else {
          stored.length = before;
          return { kind: 'conflict', service: each.service, actual: versionOf(each.service) };
        }
      }
      return { kind: 'stored' };
    },
    markSent({ service, version }: OutboxRow) {
      sent.push({ service, version: Math.min(version, versionOf(service)) });
    },
    prune(keepVersions: number) {
      const before = gone.size;
      for (const service of ['api', 'web', 'jobs']) {
        const old = of(service).slice(0, -Math.max(1, keepVersions));
        for (const { record } of old) {
          const { version } = record.snapshot;
          if (!isNamed(service, version)) gone.add(`${service} ${version}`);
        }
      }
      return gone.size - before;
    },
    async expectSame(store: Store) {
      const latest = new Map<string, StoredService>();
      for (const { service, record, overrides } of made()) latest.set(service, { service, latest: record, overrides });
      expect(await store.services()).toEqual([...latest.keys()].sort().map((service) => latest.get(service)));
      expect(store.commitCount).toBe(all().length);
      expect(await store.tags()).toEqual(tags());
      expect(await store.profiles()).toEqual(profiles());
      expect(await store.drafts()).toEqual(drafts().map(({ patch: _, ...summary }) => summary));
      const commits = all().flatMap((each, i) => (isKept(each) ? [i + 1] : []));
      expect((await store.listHistory({ limit: 999 })).map(({ commit }) => commit)).toEqual(commits.reverse());
      const rows = made().map(({ service, record }) => ({ service, version: record.snapshot.version }));
      expect(await store.pendingOutbox()).toEqual(rows.filter((row) => !isSent(row)));
      for (const service of ['api', 'web', 'jobs']) {
        const history = await store.listVersions(service, { limit: 99 });
        expect(history.map(({ snapshot }) => snapshot.digest)).toEqual(
          of(service)
            .map(({ record }) => record.snapshot.digest)
            .reverse(),
        );
        for (const { record } of of(service)) {
          expect(await store.findVersion(service, record.snapshot.version)).toEqual(record);
        }
        for (const { record, overrides, sources } of of(service)) {
          const layers = { overrides, ...(sources && { sources: sources.content }) };
          expect(await store.findLayers(service, record.snapshot.version)).toEqual(layers);
        }
        const missing = (await store.prunedRanges(service)).flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, i) => `${service} ${first + i}`),
        );
        expect(missing).toEqual([...gone].filter((each) => each.startsWith(service)).sort(byVersion));
        const audit = answers()
          .filter((each) => each.service === service)
          .map((each) => each.audit);
        expect(await store.listAudit(service, 99)).toEqual(audit.reverse());
      }
      const ids = Array.from({ length: requests }, (_, i) => `r-${i + 1}`);
      const results = answers().flatMap(({ audit }) =>
        audit.requestKey === undefined ? [] : [[audit.requestKey, audit] as const],
      );
      expect(await store.findAnswers(ids)).toEqual(new Map(results));
    },
  };
}

const byVersion = (a: string, b: string): number => Number(a.split(' ')[1]) - Number(b.split(' ')[1]);
