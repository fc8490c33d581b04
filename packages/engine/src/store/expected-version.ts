import type { AppendResult, Commit } from './store.ts';

/**
 * The first commit of a batch that expects another version than it would find. `versionOf` says what is stored; 0 for
 * a service that isn't.
 */
export function findConflict(
  batch: readonly Commit[],
  versionOf: (service: string) => number,
): (AppendResult & { readonly kind: 'conflict' }) | undefined {
  const made = new Map<string, number>();
  for (const { service, expected, next } of batch) {
    // What the batch itself made does not count as `actual`: it is never stored.
    if (expected !== (made.get(service) ?? versionOf(service))) {
      return { kind: 'conflict', service, actual: versionOf(service) };
    }
    if (next?.record) made.set(service, next.record.snapshot.version);
  }
  return undefined;
}
