/** What a connection is doing, whatever its transport. This table is drawn in docs/guide/connection-states.md. */
export type ConnectionState =
  /** Not started. */
  | 'idle'
  /** Trying to reach a broker for the first time. */
  | 'connecting'
  | 'connected'
  /** Was connected, and tries to be again. */
  | 'reconnecting'
  /** Stopping: publishes under way are given their time. */
  | 'draining'
  /** Stopped for good. */
  | 'closed';

export type ConnectionEvent =
  | 'start'
  /** The broker has accepted the client. */
  | 'accepted'
  /** An attempt failed; another one follows. */
  | 'failed'
  /** The connection ended without a stop. */
  | 'lost'
  | 'stop'
  /** Everything is closed. */
  | 'ended';

/** Every state against every event. Once it drains, nothing but the end changes it; once closed, nothing does. */
export const connectionTransitions: Readonly<
  Record<ConnectionState, Readonly<Record<ConnectionEvent, ConnectionState>>>
> = {
  idle: {
    start: 'connecting',
    accepted: 'idle',
    failed: 'idle',
    lost: 'idle',
    stop: 'draining',
    ended: 'idle',
  },
  connecting: {
    start: 'connecting',
    accepted: 'connected',
    failed: 'connecting',
    lost: 'connecting',
    stop: 'draining',
    ended: 'connecting',
  },
  connected: {
    start: 'connected',
    accepted: 'connected',
    failed: 'connected',
    lost: 'reconnecting',
    stop: 'draining',
    ended: 'connected',
  },
  reconnecting: {
    start: 'reconnecting',
    accepted: 'connected',
    failed: 'reconnecting',
    lost: 'reconnecting',
    stop: 'draining',
    ended: 'reconnecting',
  },
  draining: {
    start: 'draining',
    accepted: 'draining',
    failed: 'draining',
    lost: 'draining',
    stop: 'draining',
    ended: 'closed',
  },
  closed: {
    start: 'closed',
    accepted: 'closed',
    failed: 'closed',
    lost: 'closed',
    stop: 'closed',
    ended: 'closed',
  },
};
