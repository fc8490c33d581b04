import type { DatabaseSync } from 'node:sqlite';

/** "SetP": tells our files from those of other programs. */
export const applicationId = 0x53657450;

/**
 * Each brings a file from the version of its index to the next; `PRAGMA user_version` says where a file is. A
 * migration that was ever released does not change any more.
 */
export const migrations: readonly string[] = [
  // The wide texts come last, so that what lies before them is read without them. Snapshots and audit entries are
  // JSON, so that a member that a later release adds needs no migration; what is searched for is a column.
  `
  PRAGMA application_id = ${applicationId};
  CREATE TABLE lineage (epoch INTEGER NOT NULL) STRICT;
  CREATE TABLE version (
    commit_number INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    version INTEGER NOT NULL,
    summary TEXT NOT NULL,
    "values" TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX version_of_service ON version (service, version);
  CREATE TABLE overrides (service TEXT PRIMARY KEY, list TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE sent (service TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    request_id TEXT,
    status TEXT NOT NULL,
    entry TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_of_service ON audit (service);
  CREATE INDEX audit_of_request ON audit (request_id) WHERE request_id IS NOT NULL;
  CREATE INDEX audit_other ON audit (number) WHERE status <> 'applied';
  `,
];

/** Brings a file to the newest version, each step all or nothing. Needs no step when it is there already. */
export function migrate(db: DatabaseSync, steps: readonly string[] = migrations): void {
  for (const [index, step] of steps.entries()) {
    if (index < readPragma(db, 'user_version')) continue;
    db.exec('BEGIN IMMEDIATE');
    try {
      db.exec(`${step}; PRAGMA user_version = ${index + 1}; COMMIT`);
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}

export function readPragma(
  db: DatabaseSync,
  name: 'application_id' | 'user_version' | 'page_count' | 'page_size',
): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
