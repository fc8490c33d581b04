import type { LogEntry } from '@setpoint/protocol';
import { type Identity, mayRead } from '../access.ts';
import type { HistoryEntry, HistoryPage, HistoryQuery, Store, VersionSummary } from '../store/store.ts';
import type { Read, ReadOutcome } from './read-context.ts';

const defaultLogLimit = 50;

/** The versions of one service, newest first. */
export async function readLog(store: Store, service: string, request: Read<'log'>): Promise<ReadOutcome> {
  const { limit = defaultLogLimit } = request;
  const page = await store.listVersions(service, { ...filterOf(request), limit });
  return { log: page.map(toLogEntry) };
}

/** The versions of all services that the key may read, newest first. */
export async function readHistory(store: Store, request: Read<'history'>, identity: Identity): Promise<ReadOutcome> {
  const { of: service, limit = defaultLogLimit } = request;
  const query = { ...filterOf(request), ...(service !== undefined && { service }), limit };
  const entries = service === undefined || mayRead(identity, service) ? await listReadable(store, query, identity) : [];
  return {
    log: entries.map((entry) => ({ service: entry.snapshot.service, commit: entry.commit, ...toLogEntry(entry) })),
  };
}

/** Reads on until there are as many entries as asked for: those of services that the key may not read are left out. */
async function listReadable(store: Store, query: HistoryQuery, identity: Identity): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = [];
  let page = await store.listHistory(query);
  for (;;) {
    entries.push(...page.filter(({ snapshot }) => mayRead(identity, snapshot.service)));
    const before = page.at(-1)?.commit;
    if (entries.length >= query.limit || page.length < query.limit || before === undefined) break;
    page = await store.listHistory({ ...query, before });
  }
  return entries.slice(0, query.limit);
}

const filterOf = ({ before, by, since, pointer }: Read<'log' | 'history'>): Omit<HistoryPage, 'limit'> => ({
  ...(before !== undefined && { before }),
  ...(by !== undefined && { author: by }),
  ...(since !== undefined && { since }),
  ...(pointer !== undefined && { pointer }),
});

export const toLogEntry = ({ snapshot, changed, deleted }: VersionSummary): LogEntry => ({
  version: snapshot.version,
  digest: snapshot.digest,
  committedAt: snapshot.committedAt,
  author: snapshot.author,
  reason: snapshot.reason,
  changed,
  ...(deleted && { deleted }),
});

const pageSize = 200;

/** Every version of a service, newest first, read a page at a time. */
export async function* newestFirst(store: Store, service: string): AsyncGenerator<VersionSummary> {
  let before: number | undefined;
  for (;;) {
    const page = await store.listVersions(service, { limit: pageSize, ...(before !== undefined && { before }) });
    yield* page;
    before = page.at(-1)?.snapshot.version;
    if (before === undefined || page.length < pageSize) return;
  }
}
