import type { Profile, Tag } from '@setpoint/protocol';
import type { Bookmark, Store, StoredDraft } from '../store/store.ts';

/** Tags, drafts and profiles, as they are once what was decided before is stored. */
export interface PendingBookmarks {
  findTag(service: string, tag: string): Promise<Tag | undefined>;
  findDraft(service: string, draft: string): Promise<StoredDraft | undefined>;
  findProfile(profile: string): Promise<Profile | undefined>;
}

/** `bookmarks` are those that the store does not have yet; more may come. */
export function createPendingBookmarks(store: Store, bookmarks: readonly Bookmark[]): PendingBookmarks {
  const last = (isAbout: (bookmark: Bookmark) => boolean): Bookmark | undefined => bookmarks.findLast(isAbout);
  return {
    async findTag(service, tag) {
      const bookmark = last(
        (each) =>
          (each.kind === 'tag' && each.tag.service === service && each.tag.tag === tag) ||
          (each.kind === 'untag' && each.service === service && each.tag === tag),
      );
      if (bookmark) return bookmark.kind === 'tag' ? bookmark.tag : undefined;
      return store.findTag(service, tag);
    },
    async findDraft(service, draft) {
      const bookmark = last(
        (each) =>
          (each.kind === 'draft' && each.draft.service === service && each.draft.draft === draft) ||
          (each.kind === 'drop_draft' && each.service === service && each.draft === draft),
      );
      if (bookmark) return bookmark.kind === 'draft' ? bookmark.draft : undefined;
      return store.findDraft(service, draft);
    },
    async findProfile(profile) {
      const bookmark = last(
        (each) =>
          (each.kind === 'profile' && each.profile.profile === profile) ||
          (each.kind === 'drop_profile' && each.profile === profile),
      );
      if (bookmark) return bookmark.kind === 'profile' ? bookmark.profile : undefined;
      return store.findProfile(profile);
    },
  };
}
