import {
  createProblem,
  type DraftSummary,
  type Found,
  type JsonObject,
  type Problem,
  type Profile,
  type Request,
  type Result,
  type Tag,
} from '@setpoint/protocol';
import { authorise, type Identity } from '../access.ts';
import { answer, isDeleted, type ServiceState, versionOf } from '../service-state.ts';
import type { Bookmark, Store, StoredDraft } from '../store/store.ts';
import { composePatches } from './draft-patch.ts';
import type { PendingBookmarks } from './pending-bookmarks.ts';

/** Gives a name to a version or to a set of them, or keeps a draft; no document changes. */
export interface BookmarkChange {
  readonly kind: 'bookmark';
  readonly request: BookmarkRequest;
  readonly requestId: string;
  readonly identity: Identity;
}

export type BookmarkRequest = Extract<
  Request,
  { op: 'tag' | 'untag' | 'draft_save' | 'draft_drop' | 'profile_save' | 'profile_drop' }
>;

export interface BookmarkContext {
  readonly store: Store;
  readonly pending: PendingBookmarks;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** Every service that exists, with its version. */
  readonly standing: () => Readonly<Record<string, number>>;
  /** What validating a merge answers. */
  readonly check: (patch: JsonObject) => Result;
}

export interface BookmarkDecision {
  readonly result: Result;
  readonly bookmark?: Bookmark;
}

export async function decideBookmark(
  state: ServiceState,
  { request, identity }: BookmarkChange,
  context: BookmarkContext,
): Promise<BookmarkDecision> {
  const { epoch } = context.store;
  const denied = authorise(identity, request);
  if (denied) return { result: answer(state, epoch, 'denied', { problem: createProblem('access_denied', denied) }) };
  if (request.expiresAt !== undefined && Date.parse(request.expiresAt) <= context.now) {
    const detail = `it was to be carried out before ${request.expiresAt}; ask again`;
    return { result: answer(state, epoch, 'rejected', { problem: createProblem('request_expired', detail) }) };
  }
  const outcome = await make(state, request, context);
  if ('result' in outcome) return outcome;
  if ('problem' in outcome) return { result: answer(state, epoch, 'rejected', { problem: outcome.problem }) };
  const { bookmark, found } = outcome;
  return { result: answer(state, epoch, 'applied', found && { found }), bookmark };
}

type Made = { readonly bookmark: Bookmark; readonly found?: Found } | { readonly problem: Problem } | BookmarkDecision;

async function make(state: ServiceState, request: BookmarkRequest, context: BookmarkContext): Promise<Made> {
  const { pending, now } = context;
  const { service, author, reason = '' } = request;
  const by = { author, reason, at: new Date(now).toISOString() };
  switch (request.op) {
    case 'tag':
      return tag(state, request, by, context);
    case 'untag':
      return (await pending.findTag(service, request.tag))
        ? { bookmark: { kind: 'untag', service, tag: request.tag } }
        : unknown('tag_unknown', `${service} has no tag ${request.tag}; see its tags`);
    case 'draft_save':
      return saveDraft(state, request, by, context);
    case 'draft_drop':
      return (await pending.findDraft(service, request.draft))
        ? { bookmark: { kind: 'drop_draft', service, draft: request.draft } }
        : unknown('draft_unknown', `${service} has no draft ${request.draft}; see its drafts`);
    case 'profile_save': {
      const profile: Profile = { profile: request.profile, services: context.standing(), ...by };
      return { bookmark: { kind: 'profile', profile }, found: { profiles: [profile] } };
    }
    case 'profile_drop':
      return (await pending.findProfile(request.profile))
        ? { bookmark: { kind: 'drop_profile', profile: request.profile } }
        : unknown('profile_unknown', `there is no profile ${request.profile}; see the profiles`);
  }
}

const unknown = (code: Parameters<typeof createProblem>[0], detail: string): Made => ({
  problem: createProblem(code, detail),
});

type By = Pick<Tag, 'author' | 'reason' | 'at'>;

async function tag(
  state: ServiceState,
  { service, tag: name, toVersion }: Extract<BookmarkRequest, { op: 'tag' }>,
  by: By,
  { store }: BookmarkContext,
): Promise<Made> {
  if (isDeleted(state)) return unknown('service_unknown', `there is no service ${service} to tag`);
  const version = toVersion ?? versionOf(state);
  const isKept = version === versionOf(state) || (await store.findVersion(service, version)) !== undefined;
  if (!isKept)
    return unknown('version_unknown', `${service} has no version ${version}, or keeps it no more; see its log`);
  const made: Tag = { service, tag: name, version, ...by };
  return { bookmark: { kind: 'tag', tag: made }, found: { tags: [made] } };
}

/** A draft that would not be valid now is refused as a change would be. */
async function saveDraft(
  state: ServiceState,
  { service, draft: name, patch }: Extract<BookmarkRequest, { op: 'draft_save' }>,
  by: By,
  { pending, check }: BookmarkContext,
): Promise<Made> {
  if (isDeleted(state)) return unknown('service_unknown', `there is no service ${service} to draft for`);
  const before = await pending.findDraft(service, name);
  const composed = before ? composePatches(before.patch, patch) : patch;
  const checked = check(composed);
  if (checked.status !== 'valid') return { result: checked };
  const summary: DraftSummary = { service, draft: name, base: before?.base ?? versionOf(state), ...by };
  const draft: StoredDraft = { ...summary, patch: composed };
  const { changed, restartRequired, warnings } = checked;
  return {
    result: { ...checked, status: 'applied', changed, restartRequired, warnings, found: { drafts: [summary] } },
    bookmark: { kind: 'draft', draft },
  };
}
