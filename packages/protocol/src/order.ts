import type { Digest } from './digest.ts';

/** Where a snapshot stands in the history of its service. Compared as numbers, epoch first. */
export interface Stamp {
  readonly epoch: number;
  readonly version: number;
  readonly digest: Digest;
}

export type Verdict =
  | { readonly kind: 'apply' }
  | { readonly kind: 'skip'; readonly reason: 'duplicate' | 'stale' }
  | { readonly kind: 'refuse'; readonly reason: 'version_reused' };

/**
 * What to do with a snapshot that arrived, whatever way and however late it came.
 * @see docs/protocol.md#order
 */
export function judge(applied: Stamp | undefined, incoming: Stamp): Verdict {
  if (!applied || isNewer(incoming, applied)) return { kind: 'apply' };
  if (isNewer(applied, incoming)) return { kind: 'skip', reason: 'stale' };
  return incoming.digest === applied.digest
    ? { kind: 'skip', reason: 'duplicate' }
    : { kind: 'refuse', reason: 'version_reused' };
}

export const isNewer = (a: Pick<Stamp, 'epoch' | 'version'>, b: Pick<Stamp, 'epoch' | 'version'>): boolean =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.version > b.version);
