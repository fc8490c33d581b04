import type { Stamp } from '@setpoint/protocol';
import type { Change, ChangeHandler } from '../transaction/handler-step.ts';
import type { ClientState } from './client-state.ts';
import type { Configuration } from './configuration.ts';
import type { ProviderState, ProviderStateChange } from './provider-state.ts';
import { type PlaceHandler, subscribeAll, subscribeTo } from './subscription.ts';

/** The configuration document of a service, kept up to date. */
export interface LiveDocument<T> {
  /** The document in force; frozen. A change replaces it with another object. */
  readonly current: T;
  /** Where the document in force comes from: the broker, the disk or the schema's defaults. */
  readonly state: ClientState;
  /** How reliable the document is, in the terms of OpenFeature. */
  readonly providerState: ProviderState;
  /** The version in force; undefined for defaults. */
  readonly stamp: Stamp | undefined;
  /** The version in force while it is on trial: it may be taken back until every `verify` has agreed or a newer one came. */
  readonly trial: Stamp | undefined;
  /**
   * Subscribes to every change. A function is called with each change that comes into force; an object takes part in
   * the transaction. Returns a function that unsubscribes.
   * @throws SetpointError `options_invalid` for a handler that can't work; `stopped`
   * @example
   * const unsubscribe = config.onChange(({ changed, current }) => console.log(changed, current.vad.threshold));
   */
  onChange(handler: ChangeHandler<T> | ChangeHandler<T>['commit']): () => void;
  /**
   * Subscribes to one place of the document, by JSON Pointer. The handler is called once for each change of its value,
   * in the same transaction as all others. `change.value` has the type that the schema gives this place.
   * @throws SetpointError `pointer_invalid`, also for a place that the schema can't have; `options_invalid`; `stopped`
   * @example
   * config.on('/vad/threshold', ({ value }) => detector.setThreshold(value));
   */
  on<const P extends string>(pointer: P, handler: PlaceHandler<T, P>): () => void;
  /** Calls the listener at every change of `providerState`. Returns a function that removes it. */
  onState(listener: (change: ProviderStateChange) => void): () => void;
  /**
   * Calls the listener with every change that takes effect only after a restart, once it was applied and reported. The
   * process may then exit: stop the connection first. Returns a function that removes the listener.
   */
  onRestartRequired(listener: (change: Change<T>) => void): () => void;
}

/** The read-only view of a configuration that users get. */
export const createLiveDocument = <T>(configuration: Configuration<T>): LiveDocument<T> => ({
  get current() {
    return configuration.current as T;
  },
  get state() {
    return configuration.state;
  },
  get providerState() {
    return configuration.providerState;
  },
  get stamp() {
    return stampOf(configuration.stamp);
  },
  get trial() {
    return stampOf(configuration.trial);
  },
  onChange: (handler) => configuration.addSubscriber(subscribeAll(handler)),
  on: (pointer, handler) => configuration.addSubscriber(subscribeTo(pointer, handler)),
  onState: (listener) => configuration.onState(listener),
  onRestartRequired: (listener) => configuration.onRestartRequired(listener),
});

/** Leaves out the other members of the snapshot. */
const stampOf = (stamp: Stamp | undefined): Stamp | undefined =>
  stamp && { epoch: stamp.epoch, version: stamp.version, digest: stamp.digest };
