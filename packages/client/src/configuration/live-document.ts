import type { Stamp } from '@setpoint/protocol';
import type { Change, ChangeHandler } from '../transaction/transaction.ts';
import type { ClientState } from './client-state.ts';
import type { Configuration } from './configuration.ts';
import type { ProviderState, ProviderStateChange } from './provider-state.ts';
import { type PlaceHandler, subscribeAll, subscribeTo } from './subscription.ts';

/** The document of a service, kept up to date. */
export interface LiveDocument<T> {
  /** The document in force, frozen. After a change it is another object. */
  readonly current: T;
  /** Where the document in force comes from. */
  readonly state: ClientState;
  /** How far it can be relied on, in the words of OpenFeature. */
  readonly providerState: ProviderState;
  /** Which version is in force; undefined on defaults. */
  readonly stamp: Stamp | undefined;
  /** The version in force while it is on trial: it may be taken back until every `verify` was content, or a newer one came. */
  readonly trial: Stamp | undefined;
  /**
   * Follows changes. A function is called with every change that comes into force; an object takes part in the
   * transaction. Returns a function that ends it.
   * @throws SetpointError `options_invalid` for a handler that can't work; `stopped`
   */
  onChange(handler: ChangeHandler<T> | ChangeHandler<T>['commit']): () => void;
  /**
   * Follows one place of the document, by JSON Pointer: called once for each change that makes its value another one,
   * in the same transaction as all others. `change.value` has the type of a place that the schema's output names.
   * @throws SetpointError `pointer_invalid` also for a place that the schema can't have; `options_invalid`; `stopped`
   */
  on<const P extends string>(pointer: P, handler: PlaceHandler<T, P>): () => void;
  /** Calls the listener at every change of `providerState`. Returns a function that ends it. */
  onState(listener: (change: ProviderStateChange) => void): () => void;
  /**
   * Calls the listener with every change that this process can't take over without a restart, after it was applied and
   * reported. The process may end by itself: stop the connection first. Returns a function that ends it.
   */
  onRestartRequired(listener: (change: Change<T>) => void): () => void;
}

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
  onChange: (handler) => configuration.addSubscription(subscribeAll(handler)),
  on: (pointer, handler) => configuration.addSubscription(subscribeTo(pointer, handler)),
  onState: (listener) => configuration.onState(listener),
  onRestartRequired: (listener) => configuration.onRestartRequired(listener),
});

/** Without the rest of the snapshot. */
const stampOf = (stamp: Stamp | undefined): Stamp | undefined =>
  stamp && { epoch: stamp.epoch, version: stamp.version, digest: stamp.digest };
