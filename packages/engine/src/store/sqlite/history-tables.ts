import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { VersionRecord, VersionSummary } from '../store.ts';

/** Which commits are looked at, newest first: those of `from` to below `before`. */
export interface HistoryRange {
  readonly service: string | undefined;
  readonly from: number;
  /** The number of a commit. */
  readonly before: number;
  readonly beforeVersion: number;
}

export interface CommitRow {
  readonly commit: number;
  readonly summary: VersionSummary;
}

/** Versions as they are found in the file. */
export interface HistoryTables {
  find(service: string, version: number): VersionRecord | undefined;
  /** The newest version of a service among the commits up to one. */
  findByCommit(service: string, commit: number): VersionRecord | undefined;
  /** The next kept version of a service after one. */
  findNext(service: string, after: number): VersionRecord | undefined;
  /** A commit after which all came later than a moment in milliseconds, and up to which none did. */
  lastCommitAt(moment: number): number;
  /** A commit from which on all came at a moment in milliseconds or later, and before which none did. */
  firstCommitSince(moment: number): number;
  /** At most `limit` commits of a range. */
  list(range: HistoryRange, limit: number): readonly CommitRow[];
}

export function createHistoryTables(db: DatabaseSync): HistoryTables {
  const record = 'SELECT summary, "values" FROM version WHERE service = ?';
  const entries = 'SELECT commit_number, summary FROM version';
  const inRange = 'commit_number >= ? AND commit_number < ?';
  const sql = {
    find: db.prepare(`${record} AND version = ?`),
    findByCommit: db.prepare(`${record} AND commit_number <= ? ORDER BY version DESC LIMIT 1`),
    findNext: db.prepare(`${record} AND version > ? ORDER BY version LIMIT 1`),
    committedAt: db.prepare(
      'SELECT commit_number, committed_at FROM version WHERE commit_number >= ? ORDER BY commit_number LIMIT 1',
    ),
    lastCommit: db.prepare('SELECT max(commit_number) AS number FROM version'),
    listService: db.prepare(`
      ${entries} INDEXED BY version_of_service
      WHERE service = ? AND version < ? AND ${inRange} ORDER BY version DESC LIMIT ?
    `),
    list: db.prepare(`${entries} NOT INDEXED WHERE ${inRange} ORDER BY commit_number DESC LIMIT ?`),
  };

  const select = ({ service, from, before, beforeVersion }: HistoryRange, limit: number) =>
    service === undefined
      ? sql.list.all(from, before, limit)
      : sql.listService.all(service, beforeVersion, from, before, limit);

  /** Times never fall from commit to commit, so half of what is left can be left out with every look. */
  const firstCommit = (isReached: (at: number) => boolean): number => {
    let first = 1;
    let end = Number(sql.lastCommit.get()?.number) + 1;
    while (first < end) {
      const middle = Math.floor((first + end) / 2);
      const row = sql.committedAt.get(middle);
      if (isReached(Number(row?.committed_at))) end = middle;
      else first = Number(row?.commit_number) + 1;
    }
    return first;
  };

  return {
    find: (service, version) => toRecord(sql.find.get(service, version)),
    findByCommit: (service, commit) => toRecord(sql.findByCommit.get(service, commit)),
    findNext: (service, after) => toRecord(sql.findNext.get(service, after)),
    lastCommitAt: (moment) => firstCommit((at) => !(at <= moment)) - 1,
    firstCommitSince: (moment) => firstCommit((at) => at >= moment),
    list: (range, limit) =>
      select(range, limit).map(({ commit_number, summary }) => ({
        commit: Number(commit_number),
        summary: JSON.parse(String(summary)),
      })),
  };
}

function toRecord(row: Record<string, SQLOutputValue> | undefined): VersionRecord | undefined {
  if (!row) return undefined;
  const { snapshot, changed, deleted }: VersionSummary = JSON.parse(String(row.summary));
  return { snapshot: { ...snapshot, values: JSON.parse(String(row.values)) }, changed, deleted };
}
