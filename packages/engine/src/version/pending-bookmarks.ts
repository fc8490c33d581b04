import type { Profile, Tag } from '@setpoint/protocol';
import type { Mark, Store, StoredDraft } from '../store/store.ts';

/** Tags, drafts and profiles, as they are once what was decided before is stored. */
export interface Names {
  findTag(service: string, tag: string): Promise<Tag | undefined>;
  findDraft(service: string, draft: string): Promise<StoredDraft | undefined>;
  findProfile(profile: string): Promise<Profile | undefined>;
}

/** `marks` are those that the store does not have yet; more may come. */
export function createNames(store: Store, marks: readonly Mark[]): Names {
  const last = (isAbout: (mark: Mark) => boolean): Mark | undefined => marks.findLast(isAbout);
  return {
    async findTag(service, tag) {
      const mark = last(
        (each) =>
          (each.kind === 'tag' && each.tag.service === service && each.tag.tag === tag) ||
          (each.kind === 'untag' && each.service === service && each.tag === tag),
      );
      if (mark) return mark.kind === 'tag' ? mark.tag : undefined;
      return store.findTag(service, tag);
    },
    async findDraft(service, draft) {
      const mark = last(
        (each) =>
          (each.kind === 'draft' && each.draft.service === service && each.draft.draft === draft) ||
          (each.kind === 'drop_draft' && each.service === service && each.draft === draft),
      );
      if (mark) return mark.kind === 'draft' ? mark.draft : undefined;
      return store.findDraft(service, draft);
    },
    async findProfile(profile) {
      const mark = last(
        (each) =>
          (each.kind === 'profile' && each.profile.profile === profile) ||
          (each.kind === 'drop_profile' && each.profile === profile),
      );
      if (mark) return mark.kind === 'profile' ? mark.profile : undefined;
      return store.findProfile(profile);
    },
  };
}
