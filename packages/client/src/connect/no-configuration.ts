import { isWireCode, SetpointError } from '@setpoint/protocol';
import type { ResolvedOptions } from '../options/resolve-options.ts';

/** What a start found where it looked for a document. */
export interface Search {
  readonly isConnected: boolean;
  /** Why the last snapshot of the broker was not applied. */
  readonly refusal: SetpointError | undefined;
  /** Whether there was a last good snapshot, which does not fit either. */
  readonly hadKept: boolean;
  /** Why the schema's defaults make no document; undefined if they were not tried. */
  readonly misfit: SetpointError | undefined;
}

type Options = Pick<ResolvedOptions, 'service' | 'startTimeoutMs' | 'withoutSnapshot' | 'cacheDir' | 'policy'>;

/** Returns the error that says why there is no document to start on, and what to do about it. */
export function noConfiguration(options: Options, search: Search): SetpointError {
  const { service, startTimeoutMs, policy } = options;
  const { refusal, misfit } = search;
  const remedy = remedyFor(search);
  const isRefusing = policy.refusing.length > 0;
  const message = isRefusing
    ? `no live configuration for ${service} within ${startTimeoutMs} ms: ${brokerHas(search)}, and the boot policy of ${policy.refusing.join(', ')} takes no other; ${remedy}, or change the boot policy`
    : `no configuration for ${service} within ${startTimeoutMs} ms: ${brokerHas(search)}, ${diskHas(options, search)}${defaultsAre(search)}; ${remedy}, or choose withoutSnapshot: "wait"`;
  const reason = refusal ?? misfit;
  return new SetpointError('no_configuration', message, {
    ...(reason && { cause: reason, faults: reason.faults }),
  });
}

function brokerHas({ isConnected, refusal }: Search): string {
  if (refusal) return `the broker's snapshot was refused (${refusal.message})`;
  return isConnected ? 'the broker has no snapshot that fits' : 'the broker was not reached';
}

function diskHas({ cacheDir }: Options, { hadKept }: Search): string {
  if (hadKept) return 'the one on disk does not fit';
  return cacheDir === undefined ? 'none is kept' : 'there is none on disk';
}

const defaultsAre = ({ misfit }: Search): string => (misfit ? `, and ${misfit.message}` : '');

function remedyFor({ isConnected, refusal }: Search): string {
  if (refusal && isWireCode(refusal.code)) return 'publish a version that this build accepts, or fix the build';
  if (refusal) return 'check who publishes on the topic of the service, and that authority and trustedKeys are right';
  return isConnected ? 'check that the authority runs and knows the service' : 'start the broker and the authority';
}
