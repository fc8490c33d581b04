import type { DraftSummary, Profile, Tag } from '@setpoint/protocol';
import type { Mark, StoredDraft } from './store.ts';

/** Tags, profiles and drafts in memory. */
export interface Marks {
  write(mark: Mark): void;
  tags(service?: string): readonly Tag[];
  findTag(service: string, tag: string): Tag | undefined;
  profiles(): readonly Profile[];
  findProfile(profile: string): Profile | undefined;
  drafts(service?: string): readonly DraftSummary[];
  findDraft(service: string, draft: string): StoredDraft | undefined;
  /** The versions of a service that somebody named, or began a draft from. */
  keptVersions(service: string): ReadonlySet<number>;
}

export function createMarks(): Marks {
  const tags = new Map<string, Tag>();
  const profiles = new Map<string, Profile>();
  const drafts = new Map<string, StoredDraft>();

  return {
    write(mark) {
      if (mark.kind === 'tag') tags.set(keyOf(mark.tag.service, mark.tag.tag), mark.tag);
      else if (mark.kind === 'untag') tags.delete(keyOf(mark.service, mark.tag));
      else if (mark.kind === 'profile') profiles.set(mark.profile.profile, mark.profile);
      else if (mark.kind === 'drop_profile') profiles.delete(mark.profile);
      else if (mark.kind === 'draft') drafts.set(keyOf(mark.draft.service, mark.draft.draft), mark.draft);
      else drafts.delete(keyOf(mark.service, mark.draft));
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
