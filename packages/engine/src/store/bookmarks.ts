import type { DraftSummary, Profile, Tag } from '@setpoint/protocol';
import type { Bookmark, StoredDraft } from './store.ts';

/** Tags, profiles and drafts in memory. */
export interface Bookmarks {
  write(bookmark: Bookmark): void;
  tags(service?: string): readonly Tag[];
  findTag(service: string, tag: string): Tag | undefined;
  profiles(): readonly Profile[];
  findProfile(profile: string): Profile | undefined;
  drafts(service?: string): readonly DraftSummary[];
  findDraft(service: string, draft: string): StoredDraft | undefined;
  /** The versions of a service that somebody named, or began a draft from. */
  keptVersions(service: string): ReadonlySet<number>;
}

export function createBookmarks(): Bookmarks {
  const tags = new Map<string, Tag>();
  const profiles = new Map<string, Profile>();
  const drafts = new Map<string, StoredDraft>();

  return {
    write(bookmark) {
      if (bookmark.kind === 'tag') tags.set(keyOf(bookmark.tag.service, bookmark.tag.tag), bookmark.tag);
      else if (bookmark.kind === 'untag') tags.delete(keyOf(bookmark.service, bookmark.tag));
      else if (bookmark.kind === 'profile') profiles.set(bookmark.profile.profile, bookmark.profile);
      else if (bookmark.kind === 'drop_profile') profiles.delete(bookmark.profile);
      else if (bookmark.kind === 'draft')
        drafts.set(keyOf(bookmark.draft.service, bookmark.draft.draft), bookmark.draft);
      else drafts.delete(keyOf(bookmark.service, bookmark.draft));
    },
    tags: (service) => sorted(tags).filter((tag) => service === undefined || tag.service === service),
    findTag: (service, tag) => tags.get(keyOf(service, tag)),
    profiles: () => sorted(profiles),
    findProfile: (profile) => profiles.get(profile),
    drafts: (service) =>
      sorted(drafts)
        .filter((draft) => service === undefined || draft.service === service)
        .map(summaryOf),
    findDraft: (service, draft) => drafts.get(keyOf(service, draft)),
    keptVersions: (service) =>
      new Set([
        ...sorted(tags).flatMap((tag) => (tag.service === service ? [tag.version] : [])),
        ...sorted(profiles).flatMap(({ services }) => services[service] ?? []),
        ...sorted(drafts).flatMap((draft) => (draft.service === service ? [draft.base] : [])),
      ]),
  };
}

export function summaryOf({ patch: _, ...summary }: StoredDraft): DraftSummary {
  return summary;
}

/** Sorts by service, then by name: no name has a control character. */
const keyOf = (service: string, name: string): string => `${service}\0${name}`;

const sorted = <T>(entries: ReadonlyMap<string, T>): T[] =>
  [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
