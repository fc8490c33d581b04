import {
  type ConfigReport,
  changedPointers,
  isNewer,
  isOverlapping,
  type JsonObject,
  judge,
  type KeyRing,
  type Pointer,
  SetpointError,
  type Snapshot,
  type Stamp,
} from '@setpoint/protocol';
import type { z } from 'zod';
import { applyChange, type Change, type ChangeHandler, type StepOptions, turn } from './apply.ts';
import { Attempts } from './configuration/attempts.ts';
import { DocumentMaker, type MadeDocument } from './configuration/document-maker.ts';
import { Listeners } from './configuration/listeners.ts';
import type { Policy } from './configuration/policy.ts';
import { Probation } from './configuration/probation.ts';
import { type ProviderState, type ProviderStateChange, providerStates } from './configuration/provider-state.ts';
import type { Quarantine } from './configuration/quarantine.ts';
import { type Staleness, type StalenessWatch, watchStaleness } from './configuration/staleness.ts';
import { isTouched, type Subscription } from './configuration/subscription.ts';
import { hasProbe, proveChange } from './configuration/trial.ts';
import type { Observer } from './observer.ts';
import { type Received, receive, versionReused } from './receive.ts';
import { maskSecrets, toFailure, toRefusal } from './refusal.ts';
import { type ClientEvent, type ClientState, transitions } from './state.ts';

/** What came of a snapshot, a cached one, or the lack of any. */
export type Outcome =
  | { readonly kind: 'applied'; readonly isFirst: boolean; readonly restartRequired: readonly Pointer[] }
  /** The broker has what runs already. */
  | { readonly kind: 'confirmed' }
  /** The document was good to receive and not good to run: what ran before goes on. */
  | { readonly kind: 'rejected'; readonly error: SetpointError }
  /** The message was not fit to be looked at. */
  | { readonly kind: 'refused'; readonly error: SetpointError }
  | { readonly kind: 'skipped'; readonly reason: 'stale' | 'duplicate' | 'failed_before' }
  | { readonly kind: 'deleted' };

export interface ConfigurationOptions<T> {
  readonly service: string;
  readonly schema: z.ZodType<T>;
  readonly keys: KeyRing | undefined;
  readonly applyTimeoutMs: number;
  readonly now: () => number;
  readonly policy: Policy;
  /** Undefined where nothing is kept on disk. */
  readonly quarantine: Quarantine | undefined;
  /** The first document is in force. */
  readonly onFirst: () => void;
  /** Keeps a snapshot for the next start; called before its outcome is told. Must not throw. */
  readonly remember: (received: Received) => Promise<void>;
  readonly onOutcome: (outcome: Outcome) => void;
  readonly onRevertFailed: (cause: unknown) => void;
  /** The authority has been silent for long, or is heard again. */
  readonly onStaleness: (level: Staleness) => void;
  /** A listener of the caller's threw. */
  readonly onListenerFailed: (cause: unknown) => void;
  /** Looks on. */
  readonly observer?: Pick<Observer, 'reception' | 'applying'>;
}

/** A snapshot that waits for its turn, and where it comes from. */
interface Candidate {
  readonly received: Received;
  readonly from: 'live' | 'cache';
}

/** A handler gets this long to end a change once the connection stops. Milliseconds. */
const stopGraceMs = 1500;

/** The configuration of this process: what is in force, and how the next one comes into force. */
export class Configuration<T> {
  readonly #options: ConfigurationOptions<T>;
  readonly #subscriptions = new Set<Subscription<T>>();
  readonly #stateListeners: Listeners<ProviderStateChange>;
  readonly #restartListeners: Listeners<Change<T>>;
  readonly #maker: DocumentMaker<T>;
  readonly #attempts = new Attempts();
  readonly #staleness: StalenessWatch;
  readonly #probation: Probation;
  readonly #stopping = new AbortController();
  readonly #abandoned = new AbortController();
  #state: ClientState = 'starting';
  /** What went through; what is reported. */
  #applied: MadeDocument<T> | undefined;
  /** What readers see: from the swap on the new one, also while handlers still commit. */
  #inForce: MadeDocument<T> | undefined;
  /** The last good snapshot on disk: nothing older than it is applied. */
  #floor: Stamp | undefined;
  #observed: { epoch: number; version: number } | undefined;
  /** The first document: what a setting that needs a restart still has. */
  #bootValues: JsonObject | undefined;
  #next: Candidate | undefined;
  #isRunning = false;
  #running: Promise<void> | undefined;
  #providerState: ProviderState = 'NOT_READY';
  #trial: Snapshot | undefined;

  constructor(options: ConfigurationOptions<T>) {
    const { schema, policy, applyTimeoutMs, now, onListenerFailed } = options;
    this.#options = options;
    this.#probation = new Probation(options);
    this.#stateListeners = new Listeners(onListenerFailed);
    this.#restartListeners = new Listeners(onListenerFailed);
    const abandoned = this.#abandoned.signal;
    this.#maker = new DocumentMaker({ schema, policy, timeoutMs: applyTimeoutMs, abandoned, now });
    this.#staleness = watchStaleness(options.policy.staleness, (level) => {
      options.onStaleness(level);
      this.#followState();
    });
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Frozen; undefined before the first document. */
  get current(): T | undefined {
    return this.#inForce?.document;
  }

  /** The version of `current`; undefined for defaults. */
  get stamp(): Stamp | undefined {
    return this.#inForce?.snapshot;
  }

  /** The newest version that was delivered, applied or not. */
  get observed(): { readonly epoch: number; readonly version: number } | undefined {
    return this.#observed;
  }

  /** The version of `current` while it is on trial: it may be taken back. */
  get trial(): Stamp | undefined {
    return this.#trial;
  }

  get providerState(): ProviderState {
    return this.#providerState;
  }

  addSubscription(subscription: Subscription<T>): () => void {
    this.#subscriptions.add(subscription);
    return () => void this.#subscriptions.delete(subscription);
  }

  /** Calls the listener at every change of the provider state. */
  onState(listener: (change: ProviderStateChange) => void): () => void {
    return this.#stateListeners.add(listener);
  }

  /** Calls the listener after a change that this process can't take over was applied and reported. */
  onRestartRequired(listener: (change: Change<T>) => void): () => void {
    return this.#restartListeners.add(listener);
  }

  /** There was a sign of the authority. */
  hear(): void {
    if (this.#state !== 'stopped') this.#staleness.hear();
  }

  /** Takes in the bytes of a snapshot from the broker. One is applied at a time; of those that wait, the newest. */
  offer(bytes: Uint8Array): void {
    if (this.#state === 'stopped') return;
    const { service, keys, now, onOutcome, observer } = this.#options;
    const reception = receive(bytes, { service, keys, now: now(), applied: this.#applied?.snapshot ?? this.#floor });
    observer?.reception(reception, bytes.length);
    switch (reception.kind) {
      case 'apply':
        return this.#enqueue({ received: reception.received, from: 'live' });
      case 'skip':
        return this.#skip(reception.reason, reception.received);
      case 'deleted':
        return onOutcome({ kind: 'deleted' });
      case 'refuse':
        if (reception.stamp) this.#observe(reception.stamp);
        return onOutcome({ kind: 'refused', error: reception.error });
    }
  }

  #skip(reason: 'stale' | 'duplicate', received: Received): void {
    if (reason === 'stale') return this.#options.onOutcome({ kind: 'skipped', reason });
    if (this.#applied?.snapshot && !this.#applied.isMakeshift) return this.#confirm();
    // At start, what the broker has may be what the disk has; it is applied as the live one.
    this.#enqueue({ received, from: 'live' });
  }

  /** The broker has what is applied. */
  #confirm(): void {
    const wasLive = this.#state === 'live';
    this.#move('snapshot_applied');
    this.#options.onOutcome(wasLive ? { kind: 'skipped', reason: 'duplicate' } : { kind: 'confirmed' });
  }

  /** Says below what nothing is applied: the last good snapshot that was found on disk. */
  setFloor(stamp: Stamp): void {
    this.#floor = stamp;
  }

  /** Starts on the last good snapshot. Resolves to false where it does not fit the schema any more. */
  async takeCached(received: Received): Promise<boolean> {
    if (!this.#applied) this.#enqueue({ received, from: 'cache' });
    await this.#settled();
    return this.#applied !== undefined;
  }

  /**
   * Starts on the schema's defaults, with what the boot policy puts in their place; what it keeps is taken from
   * `cached`. False where that makes no complete document.
   */
  async takeDefaults(cached?: Received): Promise<boolean> {
    await this.#settled();
    const defaults = this.#applied
      ? undefined
      : await this.#maker.fromDefaults(cached?.snapshot).catch(() => undefined);
    // What came from the broker meanwhile is better.
    await this.#settled();
    if (this.#applied) return true;
    if (!defaults || this.#state === 'stopped') return false;
    this.#bootValues = defaults.values;
    this.#applied = defaults;
    this.#inForce = defaults;
    this.#move('defaults_applied');
    this.#options.onFirst();
    this.#options.onOutcome({ kind: 'applied', isFirst: true, restartRequired: [] });
    return true;
  }

  takeNothing(): void {
    this.#move('nothing_found');
  }

  /**
   * Ends; resolves when a change under way has ended. Its handlers are told by their signal, and after 1.5 s
   * nobody waits for them any more.
   */
  async stop(): Promise<void> {
    this.#move('stop');
    this.#next = undefined;
    this.#staleness.stop();
    this.#stopping.abort(new SetpointError('stopped', 'the connection was stopped'));
    const giveUp = setTimeout(() => this.#abandoned.abort(), stopGraceMs);
    await this.#settled();
    clearTimeout(giveUp);
    await this.#probation.end();
  }

  report(): ConfigReport {
    const stamp = this.#applied?.snapshot;
    const source =
      this.#applied === undefined ? 'none' : this.#applied.snapshot === undefined ? 'defaults' : this.#source;
    return {
      source,
      ...(stamp && { epoch: stamp.epoch, version: stamp.version, digest: stamp.digest }),
      ...(this.#applied && { appliedAt: this.#applied.at }),
      ...(this.#observed && { observed: this.#observed }),
      ...(this.#attempts.last && { lastAttempt: this.#attempts.last }),
      pendingRestart: this.#pendingRestart(),
      masked: this.#applied?.masked ?? [],
    };
  }

  #source: 'live' | 'cache' = 'live';

  #move(event: ClientEvent): void {
    this.#state = transitions[this.#state][event];
    if (this.#state === 'live' || this.#state === 'cache') this.#source = this.#state;
    this.#followState();
  }

  #followState(): void {
    const { level } = this.#staleness;
    const freshness = level === 'hard' && this.#options.policy.refusing.length > 0 ? 'fatal' : level;
    const previous = this.#providerState;
    const state = providerStates[this.#state][freshness][this.#attempts.hasFailed ? 'bad' : 'good'];
    if (state === previous) return;
    this.#providerState = state;
    this.#stateListeners.tell({ state, previous });
  }

  #observe({ epoch, version }: Stamp): void {
    if (!this.#observed || isNewer({ epoch, version }, this.#observed)) this.#observed = { epoch, version };
  }

  #enqueue(candidate: Candidate): void {
    const { snapshot } = candidate.received;
    this.#observe(snapshot);
    const { kind } = judge(this.#next?.received.snapshot, snapshot);
    if (kind === 'refuse') return this.#refuseReused(snapshot);
    if (kind === 'skip') return;
    this.#next = candidate;
    if (!this.#isRunning) this.#running = this.#drain();
  }

  #refuseReused(stamp: Stamp): void {
    this.#options.onOutcome({ kind: 'refused', error: versionReused(stamp) });
  }

  async #settled(): Promise<void> {
    while (this.#isRunning) await this.#running;
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    while (this.#next && this.#state !== 'stopped') {
      const candidate = this.#next;
      this.#next = undefined;
      const { observer } = this.#options;
      const take = (): Promise<void> => this.#take(candidate);
      await (observer ? observer.applying(candidate.received, candidate.from, take) : take());
    }
    // Not a moment later: what is offered from now on starts the next round.
    this.#isRunning = false;
  }

  /** What was applied while this one waited decides anew. */
  async #take(candidate: Candidate): Promise<void> {
    const { from, received } = candidate;
    const { snapshot } = received;
    const verdict = judge(this.#applied?.snapshot, snapshot);
    if (verdict.kind === 'refuse') return this.#refuseReused(snapshot);
    if (verdict.kind === 'apply') return this.#try(candidate);
    if (verdict.reason === 'stale' || from === 'cache') return;
    if (this.#applied?.isMakeshift) return this.#try(candidate);
    this.#confirm();
  }

  async #try(candidate: Candidate): Promise<void> {
    const { snapshot } = candidate.received;
    const { quarantine } = this.#options;
    // With what the boot policy puts in it, it is another document.
    const isAsPublished = candidate.from === 'live' || this.#options.policy.bootDefaults.size === 0;
    if (isAsPublished && this.#attempts.failedLast(snapshot)) return this.#failAgain(snapshot);
    const unproven = this.#attempts.unprovenBy(snapshot);
    if (unproven) return this.#reject(snapshot, unproven);
    await this.#probation.end();
    if (candidate.from === 'live') {
      if (quarantine?.holds(snapshot)) return this.#reject(snapshot, quarantined(snapshot));
      await quarantine?.begin(snapshot);
    }
    await this.#apply(candidate);
  }

  /** The same content as another version is the version that was rejected. */
  #failAgain(snapshot: Snapshot): void {
    this.#attempts.repeat(snapshot);
    this.#options.onOutcome({ kind: 'skipped', reason: 'failed_before' });
  }

  /** Validate, prepare, swap, commit, verify, remember, tell. */
  async #apply({ received, from }: Candidate): Promise<void> {
    const { snapshot } = received;
    const before = this.#applied;
    const { onFirst, onOutcome, quarantine } = this.#options;
    try {
      const next = await this.#maker.fromSnapshot(snapshot, from);
      const change = before && this.#describe(before, next, snapshot);
      if (before && change && change.changed.length > 0) await this.#transact(before, next, change);
      this.#bootValues ??= next.values;
      this.#applied = next;
      this.#inForce = next;
      this.#observe(snapshot);
      // That the live one failed is not made good by what is kept.
      if (from === 'live' || !this.#attempts.last) this.#attempts.succeed(snapshot);
      this.#move(from === 'live' ? 'snapshot_applied' : 'cache_applied');
      if (!before) onFirst();
      if (from === 'live') await this.#probation.begin(received);
      const restartRequired = change?.restartRequired ?? [];
      onOutcome({ kind: 'applied', isFirst: !before, restartRequired });
      if (change && restartRequired.length > 0) this.#restartListeners.tell(change);
    } catch (cause) {
      await quarantine?.end();
      // What failed because of the stop says nothing about the document.
      if (!(cause instanceof SetpointError && cause.code === 'stopped')) this.#fail(snapshot, cause);
    }
  }

  async #transact(before: MadeDocument<T>, next: MadeDocument<T>, change: Change<T>): Promise<void> {
    await applyChange(this.#handlersOf(change, before, next), change, this.#transaction(before, next));
    const handlers = this.#handlersOf(change, before, next);
    if (!hasProbe(handlers)) return;
    this.#trial = next.snapshot;
    try {
      await proveChange(handlers, change, this.#steps);
    } catch (cause) {
      const error = cause as SetpointError;
      if (error.code === 'verify_failed') await this.#goBack(before, next, change, error);
      throw error;
    } finally {
      this.#trial = undefined;
    }
  }

  /** A transaction like every other one, on what was validated before it ran. A handler that refuses it keeps all at the new one. */
  async #goBack(
    before: MadeDocument<T>,
    next: MadeDocument<T>,
    change: Change<T>,
    error: SetpointError,
  ): Promise<void> {
    const { snapshot } = next;
    if (snapshot) this.#attempts.takeBack(snapshot, this.#hide(error, before.snapshot, snapshot));
    const back = turn(change);
    await applyChange(this.#handlersOf(back, next, before), back, this.#transaction(next, before)).catch((cause) => {
      this.#applied = next;
      this.#options.onRevertFailed(this.#hide(toFailure(cause), before.snapshot, next.snapshot));
    });
  }

  #handlersOf({ changed }: Change<T>, from: MadeDocument<T>, to: MadeDocument<T>): ChangeHandler<T>[] {
    return [...this.#subscriptions]
      .filter(({ pointer }) => isTouched(pointer, changed, from.values, to.values))
      .map(({ handler }) => handler);
  }

  get #steps(): StepOptions {
    return {
      timeoutMs: this.#options.applyTimeoutMs,
      stopping: this.#stopping.signal,
      abandoned: this.#abandoned.signal,
    };
  }

  #transaction(from: MadeDocument<T>, to: MadeDocument<T>): Parameters<typeof applyChange<T>>[2] {
    return {
      ...this.#steps,
      swap: (side) => {
        this.#inForce = side === 'current' ? to : from;
      },
      onRevertFailed: (cause) => this.#options.onRevertFailed(this.#hide(toFailure(cause), from.snapshot, to.snapshot)),
    };
  }

  #describe(before: MadeDocument<T>, next: MadeDocument<T>, snapshot: Snapshot): Change<T> {
    const changed = changedPointers(before.values, next.values);
    return {
      current: next.document,
      previous: before.document,
      changed,
      restartRequired: coldPointers(changed, snapshot),
      version: snapshot.version,
      previousVersion: before.snapshot?.version ?? 0,
      isReturn: false,
    };
  }

  /** Where what runs differs, in a setting that needs a restart, from what the process was started with. */
  #pendingRestart(): readonly Pointer[] {
    const applied = this.#applied;
    if (!applied?.snapshot || !this.#bootValues) return [];
    return coldPointers(changedPointers(this.#bootValues, applied.values), applied.snapshot);
  }

  #fail(snapshot: Snapshot, cause: unknown): void {
    this.#reject(snapshot, this.#hide(toRefusal(cause), snapshot, this.#applied?.snapshot));
  }

  #reject(snapshot: Snapshot, error: SetpointError): void {
    this.#attempts.fail(snapshot, error);
    this.#move('snapshot_rejected');
    this.#options.onOutcome({ kind: 'rejected', error });
  }

  /** Takes the secrets of these documents out of an error. */
  #hide(error: SetpointError, ...snapshots: (Snapshot | undefined)[]): SetpointError {
    return maskSecrets(
      error,
      snapshots.flatMap((snapshot) => (snapshot ? this.#maker.variantsOf(snapshot) : [])),
    );
  }
}

const coldPointers = (changed: readonly Pointer[], { restartRequired }: Snapshot): Pointer[] =>
  changed.filter((pointer) => restartRequired.some((place) => isOverlapping(place, pointer)));

function quarantined({ version }: Snapshot): SetpointError {
  const message = `version ${version} is in quarantine: two processes in a row ended while they applied it; publish a version that mends it, or this one again as a new version`;
  return new SetpointError('quarantined', message);
}
