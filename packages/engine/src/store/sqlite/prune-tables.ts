import type { DatabaseSync } from 'node:sqlite';
import type { PrunedRange } from '../store.ts';

/** Old versions, and the gaps that they leave. */
export interface PruneTables {
  /**
   * The versions of a service, oldest first, that came before the newest `keepVersions` and before a commit; never the
   * present one.
   */
  candidates(service: string, keepVersions: number, beforeCommit: number): readonly number[];
  /** Deletes a version and the answer that made it; false where it is gone already. Belongs into a transaction. */
  remove(service: string, version: number): { readonly answers: number } | undefined;
  ranges(service: string): readonly PrunedRange[];
}

export function createPruneTables(db: DatabaseSync): PruneTables {
  const sql = {
    // Answered from the index alone: no document is read to find out which may go.
    candidates: db.prepare(`
      SELECT version FROM version
      WHERE service = ?1 AND commit_number < ?3 AND version < (
        SELECT version FROM version WHERE service = ?1 ORDER BY version DESC LIMIT 1 OFFSET ?2
      )
      ORDER BY version
    `),
    remove: db.prepare(`
      DELETE FROM version WHERE service = ? AND version = ?
      RETURNING json_extract(summary, '$.snapshot.digest') AS digest, audit
    `),
    removeAnswer: db.prepare('DELETE FROM audit WHERE number = ?'),
    rangeBefore: db.prepare(
      'SELECT first, last FROM pruned WHERE service = ? AND first < ? ORDER BY first DESC LIMIT 1',
    ),
    rangeAt: db.prepare('SELECT last, digest FROM pruned WHERE service = ? AND first = ?'),
    removeRange: db.prepare('DELETE FROM pruned WHERE service = ? AND first = ?'),
    putRange: db.prepare('REPLACE INTO pruned VALUES (?, ?, ?, ?)'),
    ranges: db.prepare('SELECT first, last, digest FROM pruned WHERE service = ? ORDER BY first'),
  };

  /** Grows the ranges that the version touches into one. */
  const leaveGap = (service: string, version: number, digest: string): void => {
    const before = sql.rangeBefore.get(service, version);
    const after = sql.rangeAt.get(service, version + 1);
    const first = before?.last === version - 1 ? Number(before.first) : version;
    if (after) sql.removeRange.run(service, version + 1);
    sql.putRange.run(service, first, Number(after?.last ?? version), String(after?.digest ?? digest));
  };

  return {
    candidates: (service, keepVersions, beforeCommit) =>
      sql.candidates.all(service, Math.max(1, keepVersions) - 1, beforeCommit).map(({ version }) => Number(version)),
    remove(service, version) {
      const row = sql.remove.get(service, version);
      if (!row) return undefined;
      leaveGap(service, version, String(row.digest));
      return { answers: row.audit === null ? 0 : Number(sql.removeAnswer.run(Number(row.audit)).changes) };
    },
    ranges: (service) =>
      sql.ranges.all(service).map(({ first, last, digest }) => ({
        service,
        first: Number(first),
        last: Number(last),
        digest: String(digest),
      })),
  };
}
