import {
  type ConfigReport,
  changedPointers,
  isNewer,
  type JsonObject,
  type Pointer,
  type Snapshot,
  type Stamp,
} from '@setpoint/protocol';
import type { Policy } from '../options/policy.ts';
import { ApplyAttempts } from './apply-attempts.ts';
import { restartPointers } from './change-between.ts';
import { type ClientEvent, type ClientState, transitions } from './client-state.ts';
import type { ValidatedDocument } from './document-builder.ts';
import type { Listeners } from './guarded-callbacks.ts';
import { type ProviderState, type ProviderStateChange, providerStates } from './provider-state.ts';
import { type Staleness, type StalenessWatch, watchStaleness } from './staleness.ts';

export interface DocumentStateOptions {
  readonly policy: Pick<Policy, 'staleness' | 'refusing'>;
  readonly onStaleness: (level: Staleness) => void;
  readonly stateListeners: Listeners<ProviderStateChange>;
}

/** Which document is in force, which was applied, and what this process reports about both. */
export class DocumentState<T> {
  readonly attempts: ApplyAttempts = new ApplyAttempts();
  readonly #options: DocumentStateOptions;
  readonly #staleness: StalenessWatch;
  #client: ClientState = 'starting';
  #provider: ProviderState = 'NOT_READY';
  #source: 'live' | 'cache' = 'live';
  #applied: ValidatedDocument<T> | undefined;
  #inForce: ValidatedDocument<T> | undefined;
  #replaced: Snapshot | undefined;
  #observed: { epoch: number; version: number } | undefined;
  /** The first document: settings that need a restart still have its values. */
  #bootValues: JsonObject | undefined;

  constructor(options: DocumentStateOptions) {
    this.#options = options;
    this.#staleness = watchStaleness(options.policy.staleness, (level) => {
      options.onStaleness(level);
      this.#updateProviderState();
    });
  }

  get client(): ClientState {
    return this.#client;
  }

  get provider(): ProviderState {
    return this.#provider;
  }

  /** The document that went through its transaction and its trial. Reports name this one. */
  get applied(): ValidatedDocument<T> | undefined {
    return this.#applied;
  }

  /** The document that readers see: from the swap on the new one, also while handlers commit and during its trial. */
  get inForce(): ValidatedDocument<T> | undefined {
    return this.#inForce;
  }

  /** The newest version that was delivered, whether or not it was applied. */
  get observed(): { readonly epoch: number; readonly version: number } | undefined {
    return this.#observed;
  }

  /** The snapshots whose values handlers have seen and errors may repeat. */
  get snapshotsInUse(): readonly (Snapshot | undefined)[] {
    return [this.#inForce?.snapshot, this.#applied?.snapshot];
  }

  /** The snapshot that was applied before the present one. */
  get replaced(): Snapshot | undefined {
    return this.#replaced;
  }

  observe({ epoch, version }: Stamp): void {
    if (!this.#observed || isNewer({ epoch, version }, this.#observed)) this.#observed = { epoch, version };
  }

  putInForce(document: ValidatedDocument<T>): void {
    this.#inForce = document;
  }

  /** The document is in force and stays. */
  apply(document: ValidatedDocument<T>): void {
    this.#replaced = this.#applied?.snapshot;
    this.#bootValues ??= document.values;
    this.#applied = document;
    this.#inForce = document;
  }

  /** A document that failed its trial stays, because a handler refused to go back. */
  keepFailed(document: ValidatedDocument<T>): void {
    this.#applied = document;
  }

  move(event: ClientEvent): void {
    this.#client = transitions[this.#client][event];
    if (this.#client === 'live' || this.#client === 'cache') this.#source = this.#client;
    this.#updateProviderState();
  }

  /** The authority gave a sign of life. */
  heardAuthority(): void {
    if (this.#client !== 'stopped') this.#staleness.heard();
  }

  stop(): void {
    this.move('stop');
    this.#staleness.stop();
  }

  report(): ConfigReport {
    const stamp = this.#applied?.snapshot;
    const { last } = this.attempts;
    return {
      source: this.#sourceNow(),
      ...(stamp && { epoch: stamp.epoch, version: stamp.version, digest: stamp.digest }),
      ...(this.#applied && { appliedAt: this.#applied.at }),
      ...(this.#observed && { observed: this.#observed }),
      ...(last && { lastAttempt: last }),
      pendingRestart: this.#pendingRestart(),
      masked: this.#applied?.masked ?? [],
    };
  }

  #sourceNow(): ConfigReport['source'] {
    if (this.#applied === undefined) return 'none';
    return this.#applied.snapshot === undefined ? 'defaults' : this.#source;
  }

  /** Settings that need a restart and differ from what the process was started with. */
  #pendingRestart(): readonly Pointer[] {
    const applied = this.#applied;
    if (!applied?.snapshot || !this.#bootValues) return [];
    return restartPointers(changedPointers(this.#bootValues, applied.values), applied.snapshot);
  }

  #updateProviderState(): void {
    const { level } = this.#staleness;
    const freshness = level === 'hard' && this.#options.policy.refusing.length > 0 ? 'fatal' : level;
    const previous = this.#provider;
    const state = providerStates[this.#client][freshness][this.attempts.hasFailed ? 'bad' : 'good'];
    if (state === previous) return;
    this.#provider = state;
    this.#options.stateListeners.notify({ state, previous });
  }
}
