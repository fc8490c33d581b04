/**
 * Where the document in use comes from: none yet, the broker, the last good one on disk, or the schema's defaults.
 * @see docs/protocol.md#8-what-a-client-does
 */
export type ClientState = 'starting' | 'waiting' | 'live' | 'cache' | 'defaults' | 'stopped';

export type ClientEvent =
  /** A snapshot from the broker was applied, or is the one that already runs. */
  | 'snapshot_applied'
  /** A snapshot from the broker was rejected; the document in force stays. */
  | 'snapshot_rejected'
  /** The last good snapshot on disk was applied. */
  | 'cache_applied'
  | 'defaults_applied'
  /** Broker, disk and defaults gave no document, and the caller chose to wait. */
  | 'nothing_found'
  | 'stop';

/**
 * The next state for every state and event. A document from the broker is never given up for a lesser one.
 *
 * @example
 * transitions.cache.snapshot_applied; // 'live'
 */
export const transitions: Readonly<Record<ClientState, Readonly<Record<ClientEvent, ClientState>>>> = {
  starting: {
    snapshot_applied: 'live',
    snapshot_rejected: 'starting',
    cache_applied: 'cache',
    defaults_applied: 'defaults',
    nothing_found: 'waiting',
    stop: 'stopped',
  },
  waiting: {
    snapshot_applied: 'live',
    snapshot_rejected: 'waiting',
    cache_applied: 'cache',
    defaults_applied: 'defaults',
    nothing_found: 'waiting',
    stop: 'stopped',
  },
  live: {
    snapshot_applied: 'live',
    snapshot_rejected: 'live',
    cache_applied: 'live',
    defaults_applied: 'live',
    nothing_found: 'live',
    stop: 'stopped',
  },
  cache: {
    snapshot_applied: 'live',
    snapshot_rejected: 'cache',
    cache_applied: 'cache',
    defaults_applied: 'cache',
    nothing_found: 'cache',
    stop: 'stopped',
  },
  defaults: {
    snapshot_applied: 'live',
    snapshot_rejected: 'defaults',
    cache_applied: 'cache',
    defaults_applied: 'defaults',
    nothing_found: 'defaults',
    stop: 'stopped',
  },
  stopped: {
    snapshot_applied: 'stopped',
    snapshot_rejected: 'stopped',
    cache_applied: 'stopped',
    defaults_applied: 'stopped',
    nothing_found: 'stopped',
    stop: 'stopped',
  },
};
