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
  // `committed_at` is in milliseconds and never falls: what was committed by some moment is a range of commit numbers,
  // found by halving. An index for it, or for authors, would cost every commit more than a question ever waits.
  // Without overrides is a version of which nobody knows them; those in the table of their own were changed since the
  // present version. `audit` is the number of the answer that made it.
  // A service's sources hold from the version that they came with; without an id it has none from there on.
  `
  ALTER TABLE version ADD COLUMN committed_at INTEGER;
  ALTER TABLE version ADD COLUMN audit INTEGER;
  ALTER TABLE version ADD COLUMN overrides TEXT;
  CREATE INDEX answer_of_version ON audit (service, json_extract(entry, '$.result.version')) WHERE status = 'applied';
  UPDATE version SET
    committed_at = clock.at,
    audit = (
      SELECT min(number) FROM audit INDEXED BY answer_of_version
      WHERE status = 'applied' AND audit.service = version.service
        AND json_extract(entry, '$.result.version') = version.version
    )
  FROM (
    SELECT commit_number, max(
      CAST(round(1000 * unixepoch(json_extract(summary, '$.snapshot.committedAt'), 'subsec')) AS INTEGER)
    ) OVER (ORDER BY commit_number) AS at
    FROM version
  ) AS clock
  WHERE clock.commit_number = version.commit_number;
  DROP INDEX answer_of_version;
  UPDATE version SET overrides = ifnull((SELECT list FROM overrides WHERE service = version.service), '[]')
  WHERE (service, version) IN (SELECT service, max(version) FROM version GROUP BY service);
  DELETE FROM overrides;
  CREATE TABLE sources (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, content TEXT NOT NULL) STRICT;
  CREATE TABLE sources_since (
    service TEXT NOT NULL,
    version INTEGER NOT NULL,
    sources INTEGER,
    PRIMARY KEY (service, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tag (
    service TEXT NOT NULL,
    tag TEXT NOT NULL,
    version INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (service, tag)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE profile (profile TEXT PRIMARY KEY, entry TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE draft (
    number INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    draft TEXT NOT NULL,
    base INTEGER NOT NULL,
    summary TEXT NOT NULL,
    patch TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX draft_of_service ON draft (service, draft);
  CREATE TABLE pruned (
    service TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (service, first)
  ) STRICT, WITHOUT ROWID;
  `,
  // An answer in the column `applied` made a version, and goes with it; of all others only the newest are kept. What was
  // applied and made none, a tag say, is one of those: its entry says what was answered.
  `
  UPDATE audit SET status = 'marked'
  WHERE status = 'applied' AND number NOT IN (SELECT audit FROM version WHERE audit IS NOT NULL);
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
