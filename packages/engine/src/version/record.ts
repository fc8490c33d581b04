import { changedPointers, digestOf, type JsonObject, type Pointer, readPointer } from '@setpoint/protocol';

import { createOverlapTest, createWithinTest } from '../document/overlap.ts';
import type { Resolved } from '../layer/resolve.ts';
import { isDeleted, type ServiceState, secretTest, versionOf } from '../service-state.ts';
import type { VersionRecord } from '../store/store.ts';

/** Who makes a version, and why. */
export interface Authorship {
  readonly author: string;
  readonly reason: string;
}

/** The version after the present one; without values it says that the service is deleted. */
export function nextRecord(
  state: ServiceState,
  resolved: Resolved | undefined,
  { author, reason }: Authorship,
  options: { readonly epoch: number; readonly now: number },
): VersionRecord {
  const before = state.latest;
  const values = resolved?.values;
  const document = values ?? {};
  const referring = resolved?.secretReferences(secretTest(state)) ?? [];
  const schemas = [state.schema, ...state.contracts.map(({ schema }) => schema)];
  const placesOf = (keyword: 'restartRequired' | 'secrets', others: readonly Pointer[] = []): Pointer[] =>
    [...new Set([...schemas.flatMap((schema) => schema?.[keyword].within(document) ?? []), ...others])].sort();
  return {
    snapshot: {
      service: state.service,
      epoch: options.epoch,
      version: versionOf(state) + 1,
      digest: digestOf(document),
      previous: before ? { version: before.snapshot.version, digest: before.snapshot.digest } : null,
      values: document,
      restartRequired: placesOf('restartRequired'),
      secrets: placesOf('secrets', [...referring, ...keptSecrets(state, document)]),
      author,
      reason,
      committedAt: new Date(options.now).toISOString(),
    },
    changed: changedPointers(before && !before.deleted ? before.snapshot.values : undefined, values),
    deleted: values === undefined,
  };
}

/**
 * What an operator set as a secret, or a rollback kept of one, is a secret until it is set anew, also where nobody marks
 * its place any more.
 */
function keptSecrets({ latest, overrides }: ServiceState, document: JsonObject): Pointer[] {
  const { version = 0, secrets = [] } = latest?.snapshot ?? {};
  if (secrets.length === 0) return [];
  const isKept = createOverlapTest(overrides.flatMap((each) => (each.version <= version ? [each.pointer] : [])));
  return secrets.filter((pointer) => isKept(pointer) && readPointer(document, pointer) !== undefined);
}

/** Is it the same document? */
export const isSame = (before: ServiceState, { snapshot }: VersionRecord): boolean =>
  !isDeleted(before) && snapshot.digest === before.latest?.snapshot.digest;

/**
 * Does it mark what the present version does not? A place that a schema marks by now must be masked by those who only
 * have the snapshot. Marks that are gone make no version: those of instances that are not there yet are not known.
 */
export function marksMore({ latest }: ServiceState, { snapshot }: VersionRecord): boolean {
  if (!latest) return false;
  const adds = (kind: 'secrets' | 'restartRequired'): boolean => {
    const isMarked = createWithinTest(latest.snapshot[kind]);
    return snapshot[kind].some((pointer) => !isMarked(pointer));
  };
  return adds('secrets') || adds('restartRequired');
}

/** A service that comes into being starts with all it has. */
export const restartRequiredBy = ({ snapshot, changed }: VersionRecord, before: ServiceState): Pointer[] =>
  isDeleted(before) ? [] : changed.filter(createOverlapTest(snapshot.restartRequired));
