import type { DatabaseSync } from 'node:sqlite';
import type { StoredSources } from '../store.ts';

/** What versions were made of besides their overrides. */
export interface SourceTables {
  /** Keeps the sources of a version, newer than all of its service; belongs into a transaction. */
  write(service: string, version: number, sources: StoredSources | undefined): void;
  /** Asks the file again what is in it: a transaction was rolled back, or rows went. */
  forget(): void;
  find(service: string, version: number): StoredSources | undefined;
  /** Deletes what only pruned versions of a service had; belongs into a transaction. */
  release(service: string): void;
  /** Deletes at most `limit` sources that no version has any more, and says how many. */
  deleteUnused(limit: number): number;
}

/** Sources seldom change, so a version costs no more than a look at what its service had last. */
export function createSourceTables(db: DatabaseSync): SourceTables {
  const sql = {
    idOf: db.prepare('SELECT id FROM sources WHERE digest = ?'),
    insert: db.prepare('INSERT INTO sources (digest, content) VALUES (?, ?)'),
    begin: db.prepare('INSERT INTO sources_since VALUES (?, ?, ?)'),
    current: db.prepare('SELECT sources FROM sources_since WHERE service = ? ORDER BY version DESC LIMIT 1'),
    find: db.prepare(`
      SELECT digest, content FROM sources WHERE id = (
        SELECT sources FROM sources_since WHERE service = ? AND version <= ? ORDER BY version DESC LIMIT 1
      )
    `),
    release: db.prepare(`
      DELETE FROM sources_since AS span WHERE service = ? AND NOT EXISTS (
        SELECT 1 FROM version
        WHERE version.service = span.service AND version.version >= span.version AND version.version < ifnull(
          (SELECT min(version) FROM sources_since WHERE service = span.service AND version > span.version),
          9e15
        )
      )
    `),
    deleteUnused: db.prepare(`
      DELETE FROM sources WHERE id IN (
        SELECT id FROM sources WHERE id NOT IN (SELECT sources FROM sources_since WHERE sources IS NOT NULL) LIMIT ?
      )
    `),
  };
  const ids = new Map<string, number>();
  const current = new Map<string, number | null>();

  const currentOf = (service: string): number | null => {
    const known = current.get(service);
    if (known !== undefined) return known;
    const id = sql.current.get(service)?.sources ?? null;
    return id === null ? null : Number(id);
  };

  const keep = ({ digest, content }: StoredSources): number => {
    const id =
      ids.get(digest) ?? sql.idOf.get(digest)?.id ?? sql.insert.run(digest, JSON.stringify(content)).lastInsertRowid;
    ids.set(digest, Number(id));
    return Number(id);
  };

  return {
    write(service, version, sources) {
      const [before, id] = [currentOf(service), sources ? keep(sources) : null];
      current.set(service, id);
      if (id !== before) sql.begin.run(service, version, id);
    },
    forget() {
      ids.clear();
      current.clear();
    },
    find(service, version) {
      const row = sql.find.get(service, version);
      return row && { digest: String(row.digest), content: JSON.parse(String(row.content)) };
    },
    release: (service) => void sql.release.run(service),
    deleteUnused: (limit) => Number(sql.deleteUnused.run(limit).changes),
  };
}
