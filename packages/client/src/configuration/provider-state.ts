import type { ClientState } from './client-state.ts';
import type { Staleness } from './staleness.ts';

/**
 * How reliable the document is, in the terms of OpenFeature: there is none yet; it is up to date; it may be behind; it
 * can't be relied on; the service should not go on with it.
 */
export type ProviderState = 'NOT_READY' | 'READY' | 'STALE' | 'ERROR' | 'FATAL';

/** Whether the newest delivered version was applied. */
export type LastAttempt = 'good' | 'bad';

/** `fatal`: `hard`, while a setting has the boot policy `refuse`. */
export type Freshness = Staleness | 'fatal';

type Row = Readonly<Record<Freshness, Readonly<Record<LastAttempt, ProviderState>>>>;

const notReady: Row = {
  fresh: { good: 'NOT_READY', bad: 'NOT_READY' },
  soft: { good: 'NOT_READY', bad: 'NOT_READY' },
  hard: { good: 'ERROR', bad: 'ERROR' },
  fatal: { good: 'FATAL', bad: 'FATAL' },
};

const stale: Row = {
  fresh: { good: 'STALE', bad: 'STALE' },
  soft: { good: 'STALE', bad: 'STALE' },
  hard: { good: 'ERROR', bad: 'ERROR' },
  fatal: { good: 'FATAL', bad: 'FATAL' },
};

const over: Row = {
  fresh: { good: 'NOT_READY', bad: 'NOT_READY' },
  soft: { good: 'NOT_READY', bad: 'NOT_READY' },
  hard: { good: 'NOT_READY', bad: 'NOT_READY' },
  fatal: { good: 'NOT_READY', bad: 'NOT_READY' },
};

/**
 * The provider state for every client state, silence of the authority and last attempt.
 *
 * @example
 * providerStates.live.fresh.good; // 'READY'
 */
export const providerStates: Readonly<Record<ClientState, Row>> = {
  starting: notReady,
  // The service waits for a document, and the one it got can't run.
  waiting: { ...notReady, fresh: { good: 'NOT_READY', bad: 'ERROR' }, soft: { good: 'NOT_READY', bad: 'ERROR' } },
  live: { ...stale, fresh: { good: 'READY', bad: 'STALE' } },
  cache: stale,
  // Nothing published runs, and what was published can't run.
  defaults: { ...stale, fresh: { good: 'STALE', bad: 'ERROR' }, soft: { good: 'STALE', bad: 'ERROR' } },
  stopped: over,
};

export interface ProviderStateChange {
  readonly state: ProviderState;
  readonly previous: ProviderState;
}
