import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { DraftSummary, JsonObject, Profile, Tag } from '@setpoint/protocol';
import { type Bookmarks, summaryOf } from '../bookmarks.ts';
import type { StoredDraft } from '../store.ts';

/** Tags, profiles and drafts in their tables; `write` belongs into a transaction. */
export function createBookmarkTables(db: DatabaseSync): Bookmarks {
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
    write(bookmark) {
      if (bookmark.kind === 'tag') {
        sql.putTag.run(bookmark.tag.service, bookmark.tag.tag, bookmark.tag.version, JSON.stringify(bookmark.tag));
      } else if (bookmark.kind === 'untag') sql.dropTag.run(bookmark.service, bookmark.tag);
      else if (bookmark.kind === 'profile')
        sql.putProfile.run(bookmark.profile.profile, JSON.stringify(bookmark.profile));
      else if (bookmark.kind === 'drop_profile') sql.dropProfile.run(bookmark.profile);
      else if (bookmark.kind === 'draft') putDraft(bookmark.draft);
      else sql.dropDraft.run(bookmark.service, bookmark.draft);
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
