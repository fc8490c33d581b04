import type { ClientState } from './client-state.ts';
import type { Staleness } from './staleness.ts';

/**
 * How far the document can be relied on, in the words of OpenFeature: there is none yet; it is the present one; it may
 * be behind; it can't be relied on; and a service should not go on with it.
 */
export type ProviderState = 'NOT_READY' | 'READY' | 'STALE' | 'ERROR' | 'FATAL';

/** What came of the newest version that was delivered. */
export type LastOutcome = 'good' | 'bad';

/** `fatal`: hard, and a setting has the boot policy `refuse`. */
export type Freshness = Staleness | 'fatal';

type Row = Readonly<Record<Freshness, Readonly<Record<LastOutcome, ProviderState>>>>;

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

/** Every client state, against how long the authority has been silent, against the last outcome. */
export const providerStates: Readonly<Record<ClientState, Row>> = {
  starting: notReady,
  // It asked for a document and got one that it can't run.
  waiting: { ...notReady, fresh: { good: 'NOT_READY', bad: 'ERROR' }, soft: { good: 'NOT_READY', bad: 'ERROR' } },
  live: { ...stale, fresh: { good: 'READY', bad: 'STALE' } },
  cache: stale,
  // Nothing that anybody published, and what was published can't run.
  defaults: { ...stale, fresh: { good: 'STALE', bad: 'ERROR' }, soft: { good: 'STALE', bad: 'ERROR' } },
  stopped: over,
};

export interface ProviderStateChange {
  readonly state: ProviderState;
  readonly previous: ProviderState;
}
