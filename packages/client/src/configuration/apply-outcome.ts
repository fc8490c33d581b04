import type { Pointer, SetpointError } from '@setpoint/protocol';

/** What became of a snapshot from the broker, of one from disk, or of the search for one. */
export type ApplyOutcome =
  | { readonly kind: 'applied'; readonly isFirst: boolean; readonly restartRequired: readonly Pointer[] }
  /** The broker has the version that already runs. */
  | { readonly kind: 'confirmed' }
  /** The document was valid to receive but not to run; the one before stays in force. */
  | { readonly kind: 'rejected'; readonly error: SetpointError }
  /** The message was not fit to be considered. */
  | { readonly kind: 'refused'; readonly error: SetpointError }
  | { readonly kind: 'skipped'; readonly reason: 'stale' | 'duplicate' | 'failed_before' }
  | { readonly kind: 'deleted' };
