import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { DraftSummary, JsonObject, Profile, Tag } from '@setpoint/protocol';
import { type Marks, summaryOf } from '../bookmarks.ts';
import type { StoredDraft } from '../store.ts';

/** Tags, profiles and drafts in their tables; `write` belongs into a transaction. */
export function createMarkTables(db: DatabaseSync): Marks {
  const sql = {
    putTag: db.prepare('REPLACE INTO tag VALUES (?, ?, ?, ?)'),
    dropTag: db.prepare('DELETE FROM tag WHERE service = ? AND tag = ?'),
    putProfile: db.prepare('REPLACE INTO profile VALUES (?, ?)'),
    dropProfile: db.prepare('DELETE FROM profile WHERE profile = ?'),
    putDraft: db.prepare('REPLACE INTO draft (service, draft, base, summary, patch) VALUES (?, ?, ?, ?, ?)'),
    dropDraft: db.prepare('DELETE FROM draft WHERE service = ? AND draft = ?'),

    tags: db.prepare('SELECT entry FROM tag WHERE service = ifnull(?, service) ORDER BY service, tag'),
    findTag: db.prepare('SELECT entry FROM tag WHERE service = ? AND tag = ?'),
    profiles: db.prepare('SELECT entry FROM profile ORDER BY profile'),
    findProfile: db.prepare('SELECT entry FROM profile WHERE profile = ?'),
    drafts: db.prepare('SELECT summary FROM draft WHERE service = ifnull(?, service) ORDER BY service, draft'),
    findDraft: db.prepare('SELECT summary, patch FROM draft WHERE service = ? AND draft = ?'),
    keptVersions: db.prepare(`
      SELECT version FROM tag WHERE service = ?1
      UNION SELECT base FROM draft WHERE service = ?1
      UNION SELECT member.value FROM profile, json_each(profile.entry, '$.services') AS member WHERE member.key = ?1
    `),
  };

  const putDraft = (draft: StoredDraft): void => {
    const [summary, patch] = [summaryOf(draft), draft.patch].map((part) => JSON.stringify(part)) as [string, string];
    sql.putDraft.run(draft.service, draft.draft, draft.base, summary, patch);
  };

  return {
    write(mark) {
      if (mark.kind === 'tag') {
        sql.putTag.run(mark.tag.service, mark.tag.tag, mark.tag.version, JSON.stringify(mark.tag));
      } else if (mark.kind === 'untag') sql.dropTag.run(mark.service, mark.tag);
      else if (mark.kind === 'profile') sql.putProfile.run(mark.profile.profile, JSON.stringify(mark.profile));
      else if (mark.kind === 'drop_profile') sql.dropProfile.run(mark.profile);
      else if (mark.kind === 'draft') putDraft(mark.draft);
      else sql.dropDraft.run(mark.service, mark.draft);
    },
    tags: (service) => sql.tags.all(service ?? null).map((row) => parse<Tag>(row)),
    findTag: (service, tag) => parseIfThere<Tag>(sql.findTag.get(service, tag)),
    profiles: () => sql.profiles.all().map((row) => parse<Profile>(row)),
    findProfile: (profile) => parseIfThere<Profile>(sql.findProfile.get(profile)),
    drafts: (service) => sql.drafts.all(service ?? null).map((row) => parse<DraftSummary>(row, 'summary')),
    findDraft(service, draft) {
      const row = sql.findDraft.get(service, draft);
      return row && { ...parse<DraftSummary>(row, 'summary'), patch: parse<JsonObject>(row, 'patch') };
    },
    keptVersions: (service) => new Set(sql.keptVersions.all(service).map(({ version }) => Number(version))),
  };
}

type Row = Readonly<Record<string, SQLOutputValue>>;

/** What was written is what is read. */
const parse = <T>(row: Row, column = 'entry'): T => JSON.parse(String(row[column])) as T;

const parseIfThere = <T>(row: Row | undefined): T | undefined => row && parse<T>(row);
