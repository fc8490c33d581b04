import { createProblem, type Moment, type Problem } from '@setpoint/protocol';
import type { Store, VersionRecord } from '../store/store.ts';

export type FoundVersion = { readonly record: VersionRecord } | { readonly problem: Problem };

/** The version that was in force at a moment, or that a number or a tag names; `present` where none is named. */
export async function findMoment(
  store: Store,
  service: string,
  { version, tag, at }: Moment,
  present: VersionRecord,
): Promise<FoundVersion> {
  if (tag !== undefined) return findTagged(store, service, tag);
  if (at !== undefined) {
    const record = await store.findVersionAt(service, at);
    return record ? { record } : unknown(`${service} had no version at ${at}, or none that is kept; see its log`);
  }
  return version === undefined ? { record: present } : findNumbered(store, service, version);
}

export async function findTagged(store: Store, service: string, tag: string): Promise<FoundVersion> {
  const found = await store.findTag(service, tag);
  if (found) return findNumbered(store, service, found.version);
  return { problem: createProblem('tag_unknown', `${service} has no tag ${tag}; see its tags`) };
}

export async function findNumbered(store: Store, service: string, version: number): Promise<FoundVersion> {
  const record = await store.findVersion(service, version);
  return record ? { record } : unknown(`${service} has no version ${version}, or keeps it no more; see its log`);
}

const unknown = (detail: string): FoundVersion => ({ problem: createProblem('version_unknown', detail) });
