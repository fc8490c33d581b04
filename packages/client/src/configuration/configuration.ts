import {
  type ConfigReport,
  changedPointers,
  isNewer,
  type JsonObject,
  judge,
  type KeyRing,
  type Pointer,
  SetpointError,
  type Snapshot,
  type Stamp,
} from '@setpoint/protocol';
import type { z } from 'zod';
import type { Quarantine } from '../last-good/crash-loop-guard.ts';
import type { Observer } from '../observe/observer.ts';
import type { Policy } from '../options/policy.ts';
import { isOutside } from '../options/schema-places.ts';
import type { Follower, StepOptions } from '../transaction/handler-step.ts';
import { applyChange, type Change, catchUp, type TransactionOptions, turn } from '../transaction/transaction.ts';
import { hasProbe, proveChange } from '../transaction/trial.ts';
import { Attempts } from './attempts.ts';
import { changeBetween, coldPointers } from './change-between.ts';
import { type ClientEvent, type ClientState, transitions } from './client-state.ts';
import { DocumentMaker, type MadeDocument } from './document-maker.ts';
import { Listeners } from './guarded-callbacks.ts';
import { Probation } from './probation.ts';
import { type ProviderState, type ProviderStateChange, providerStates } from './provider-state.ts';
import { type Received, receive, versionReused } from './receive.ts';
import { isSetpointError, maskSecrets, textOf, toFailure, toRefusal } from './refusal.ts';
import { type Staleness, type StalenessWatch, watchStaleness } from './staleness.ts';
import { isTouched } from './subscription.ts';
import { unharmed } from './unharmed.ts';

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
  /** The name of the one authority that is listened to. */
  readonly authority: string;
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

/** A version that all have committed and that is not proven yet. */
interface Trial<T> {
  readonly candidate: Candidate;
  readonly document: MadeDocument<T>;
  readonly change: Change<T>;
  /** Those who have committed it. */
  readonly followers: readonly Follower<T>[];
}

/** A handler gets this long to end a change once the connection stops. Milliseconds. */
const stopGraceMs = 1500;

/** The configuration of this process: what is in force, and how the next one comes into force. */
export class Configuration<T> {
  readonly #options: ConfigurationOptions<T>;
  readonly #followers = new Set<Follower<T>>();
  /** Those that may have taken over another document than the one in force, by a step that ended too late. */
  readonly #strays = new Map<Follower<T>, MadeDocument<T>>();
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
  /** What readers see: from the swap on the new one, also while handlers still commit and while it is on trial. */
  #inForce: MadeDocument<T> | undefined;
  /** What was applied before: what a listener throws may repeat it. */
  #replaced: Snapshot | undefined;
  /** The last good snapshot on disk: nothing older than it is applied. */
  #floor: Stamp | undefined;
  #observed: { epoch: number; version: number } | undefined;
  /** The first document: what a setting that needs a restart still has. */
  #bootValues: JsonObject | undefined;
  #next: Candidate | undefined;
  #isRunning = false;
  #running: Promise<void> | undefined;
  #providerState: ProviderState = 'NOT_READY';
  #misfit: SetpointError | undefined;
  #trial: Trial<T> | undefined;
  #trialEnd: AbortController | undefined;

  constructor(options: ConfigurationOptions<T>) {
    const { schema, policy, applyTimeoutMs, now } = options;
    this.#options = unharmed(options);
    const onListenerFailed = (cause: unknown): void =>
      this.#options.onListenerFailed(this.#hide(toFailure(cause), this.#inForce?.snapshot, this.#replaced));
    this.#probation = new Probation(this.#options);
    this.#stateListeners = new Listeners(onListenerFailed);
    this.#restartListeners = new Listeners(onListenerFailed);
    const abandoned = this.#abandoned.signal;
    this.#maker = new DocumentMaker({ schema, policy, timeoutMs: applyTimeoutMs, abandoned, now });
    this.#staleness = watchStaleness(options.policy.staleness, (level) => {
      this.#options.onStaleness(level);
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
    return this.#trial?.document.snapshot;
  }

  /** Why `takeDefaults` had none. */
  get misfit(): SetpointError | undefined {
    return this.#misfit;
  }

  get providerState(): ProviderState {
    return this.#providerState;
  }

  /** @throws SetpointError `pointer_invalid` for a place that the schema has not; `stopped` */
  addSubscription({ pointer, handler }: Follower<T>): () => void {
    if (this.#state === 'stopped')
      throw new SetpointError('stopped', 'the connection was stopped: nothing changes any more');
    if (isOutside(this.#options.schema, pointer, 'out')) {
      const message = `the schema has nothing at ${pointer}: a handler of it would never be called; mend the pointer`;
      throw new SetpointError('pointer_invalid', message);
    }
    // One of its own, also where one handler is added twice.
    const follower = { pointer, handler };
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
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
    const { service, authority, keys, now, onOutcome, observer } = this.#options;
    const reception = receive(bytes, {
      service,
      authority,
      keys,
      now: now(),
      applied: this.#applied?.snapshot ?? this.#floor,
    });
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
      : await this.#maker.fromDefaults(cached?.snapshot).catch((cause) => {
          this.#misfit = toRefusal(cause);
        });
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
    const stopped = new SetpointError('stopped', 'the connection was stopped');
    this.#stopping.abort(stopped);
    this.#trialEnd?.abort(stopped);
    const giveUp = setTimeout(() => this.#abandoned.abort(), stopGraceMs);
    await this.#settled();
    clearTimeout(giveUp);
    await this.#probation.end().catch(this.#options.onListenerFailed);
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
    // What is on trial is given no more time than it takes until there is something newer.
    const trial = this.#trial?.document.snapshot;
    if (trial && isNewer(snapshot, trial)) {
      this.#trialEnd?.abort(new SetpointError('stopped', `version ${snapshot.version} takes its place`));
    }
    this.#wake();
  }

  #wake(): void {
    if (!this.#isRunning && this.#state !== 'stopped') this.#running = this.#drain();
  }

  #refuseReused(stamp: Stamp): void {
    this.#options.onOutcome({ kind: 'refused', error: versionReused(stamp) });
  }

  async #settled(): Promise<void> {
    while (this.#isRunning) await this.#running;
  }

  /** Never rejects: what this waits for would be over for good. */
  async #drain(): Promise<void> {
    this.#isRunning = true;
    while (this.#state !== 'stopped') {
      const [stray] = this.#strays;
      const [candidate, trial] = [this.#next, this.#trial];
      if (stray) {
        this.#strays.delete(stray[0]);
        await this.#survive(undefined, () => this.#fetch(...stray));
      } else if (candidate) {
        this.#next = undefined;
        await this.#survive(candidate, () => this.#take(candidate));
      } else if (trial) {
        // It was left for a newer one, which was not applied.
        await this.#survive(trial.candidate, () => this.#prove(trial));
      } else break;
    }
    // Not a moment later: what is offered from now on starts the next round.
    this.#isRunning = false;
  }

  /** A surprise on the way is a fault of the client's: the version is rejected, and the next one has its turn. */
  async #survive(candidate: Candidate | undefined, work: () => Promise<void>): Promise<void> {
    const { observer, onListenerFailed } = this.#options;
    const act = async (): Promise<void> => {
      try {
        await work();
      } catch (cause) {
        if (!candidate) return onListenerFailed(cause);
        const message = `this version met a fault of the client: ${textOf(cause)}`;
        this.#fail(candidate.received.snapshot, new SetpointError('handler_failed', message, { cause }));
      }
    };
    let acting: Promise<void> | undefined;
    const once = (): Promise<void> => {
      acting ??= act();
      return acting;
    };
    try {
      if (candidate) await observer?.applying(candidate.received, candidate.from, once);
    } catch (cause) {
      onListenerFailed(cause);
    }
    // Also where who looks on failed before.
    await once();
  }

  /** What was applied, or put on trial, while this one waited decides anew. */
  async #take(candidate: Candidate): Promise<void> {
    const { from, received } = candidate;
    const { snapshot } = received;
    const verdict = judge(this.#inForce?.snapshot, snapshot);
    if (verdict.kind === 'refuse') return this.#refuseReused(snapshot);
    if (verdict.kind === 'apply') return this.#try(candidate);
    if (verdict.reason === 'stale' || from === 'cache' || this.#trial) return;
    if (this.#applied?.isMakeshift) return this.#try(candidate);
    this.#confirm();
  }

  async #try(candidate: Candidate): Promise<void> {
    const { from, received } = candidate;
    const { snapshot } = received;
    const before = this.#present;
    // With what the boot policy puts in it, it is another document.
    const isAsPublished = from === 'live' || this.#options.policy.bootDefaults.size === 0;
    if (isAsPublished && this.#attempts.failedLast(snapshot)) return this.#failAgain(snapshot);
    if (this.#options.quarantine?.holds(snapshot)) return this.#reject(snapshot, quarantined(snapshot));
    await this.#probation.interrupt(snapshot);
    try {
      await this.#apply(candidate);
    } catch (cause) {
      // What failed because of the stop says nothing about the document.
      if (!isStop(cause)) this.#fail(snapshot, cause, before);
      await this.#probation.resume(this.#trial?.document.snapshot);
    }
  }

  /** The same content as another version is the version that was rejected. */
  #failAgain(snapshot: Snapshot): void {
    this.#attempts.repeat(snapshot);
    this.#options.onOutcome({ kind: 'skipped', reason: 'failed_before' });
  }

  /** Validate, prepare, swap, commit; then verify, where somebody does. */
  async #apply(candidate: Candidate): Promise<void> {
    const { snapshot } = candidate.received;
    const before = this.#inForce;
    const document = await this.#maker.fromSnapshot(snapshot, candidate.from);
    const change = before && changeBetween(before, document);
    const isChange = before && change && change.changed.length > 0;
    const followers = isChange
      ? await applyChange(this.#followers, change, this.#transaction(before, document, change))
      : [];
    if (!change || !hasProbe(followers)) return this.#accept(candidate, document);
    this.#trial = { candidate, document, change, followers };
    await this.#prove(this.#trial);
  }

  async #prove(trial: Trial<T>): Promise<void> {
    const { candidate, document, change } = trial;
    const { snapshot } = candidate.received;
    if (this.#stopping.signal.aborted) return;
    if (this.#next && isNewer(this.#next.received.snapshot, snapshot)) return;
    const before = this.#present;
    const end = new AbortController();
    this.#trialEnd = end;
    try {
      const followers = trial.followers.filter((each) => this.#followers.has(each));
      await proveChange(followers, change, { ...this.#steps, stopping: end.signal });
    } catch (cause) {
      // It stays on trial: for who comes next, and where that one fails, from the beginning.
      if (end.signal.aborted) return;
      await this.#goBack(document);
      this.#fail(snapshot, cause, before);
      return this.#probation.resume();
    }
    await this.#accept(candidate, document);
  }

  /** It is in force, and stays: keep it, tell it. */
  async #accept(candidate: Candidate, next: MadeDocument<T>): Promise<void> {
    const { received, from } = candidate;
    const { snapshot } = received;
    const { onFirst, onOutcome } = this.#options;
    const before = this.#applied;
    const change = before && changeBetween(before, next);
    this.#trial = undefined;
    this.#replaced = before?.snapshot;
    this.#bootValues ??= next.values;
    this.#applied = next;
    this.#inForce = next;
    this.#observe(snapshot);
    const { last } = this.#attempts;
    // That the live one failed is not made good by what is kept, or was on trial before it.
    const isLater = from === 'live' && !(last && isNewer(last, snapshot));
    if (isLater || !last) this.#attempts.succeed(snapshot);
    this.#move(from === 'live' ? 'snapshot_applied' : 'cache_applied');
    if (!before) onFirst();
    await this.#probation.begin(received, from).catch(this.#options.onListenerFailed);
    const restartRequired = change?.restartRequired ?? [];
    onOutcome({ kind: 'applied', isFirst: !before, restartRequired });
    if (change && restartRequired.length > 0) this.#restartListeners.tell(change);
  }

  /**
   * From what failed its trial to what was proven last. A transaction like every other one, on what was validated before it
   * ran. A handler that refuses it keeps all at the new one.
   */
  async #goBack(failed: MadeDocument<T>): Promise<void> {
    this.#trial = undefined;
    const proven = this.#applied;
    if (!proven) return;
    const back = turn(changeBetween(proven, failed));
    try {
      await applyChange(this.#followers, back, this.#transaction(failed, proven, back));
    } catch (cause) {
      this.#applied = failed;
      if (!isStop(cause)) this.#options.onRevertFailed(this.#hide(toRefusal(cause), proven.snapshot, failed.snapshot));
    }
  }

  /** Brings one that may have taken over another document to the one in force. */
  async #fetch(follower: Follower<T>, taken: MadeDocument<T>): Promise<void> {
    const present = this.#inForce;
    if (!present || !this.#followers.has(follower)) return;
    const change = changeBetween(taken, present);
    const isReturn = change.version < change.previousVersion;
    const options = this.#transaction(taken, present, change);
    if (options.concerns(follower.pointer)) await catchUp(follower, { ...change, isReturn }, options);
  }

  get #steps(): StepOptions {
    return {
      timeoutMs: this.#options.applyTimeoutMs,
      stopping: this.#stopping.signal,
      abandoned: this.#abandoned.signal,
    };
  }

  #transaction(from: MadeDocument<T>, to: MadeDocument<T>, { changed }: Change<T>): TransactionOptions<T> {
    return {
      ...this.#steps,
      concerns: (pointer) => isTouched(pointer, changed, from.document, to.document),
      swap: (side) => {
        this.#inForce = side === 'current' ? to : from;
      },
      onRevertFailed: (error) => this.#options.onRevertFailed(this.#hide(error, from.snapshot, to.snapshot)),
      onLate: (follower, settled) =>
        void settled.then(() => {
          this.#strays.set(follower, to);
          this.#wake();
        }),
    };
  }

  /** Where what runs differs, in a setting that needs a restart, from what the process was started with. */
  #pendingRestart(): readonly Pointer[] {
    const applied = this.#applied;
    if (!applied?.snapshot || !this.#bootValues) return [];
    return coldPointers(changedPointers(this.#bootValues, applied.values), applied.snapshot);
  }

  /** What is in force, and what was proven last: handlers have seen both. */
  get #present(): readonly (Snapshot | undefined)[] {
    return [this.#inForce?.snapshot, this.#applied?.snapshot];
  }

  #fail(snapshot: Snapshot, cause: unknown, before: readonly (Snapshot | undefined)[] = []): void {
    this.#reject(snapshot, this.#hide(toRefusal(cause), snapshot, ...this.#present, ...before));
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

const isStop = (cause: unknown): boolean => isSetpointError(cause) && cause.code === 'stopped';

function quarantined({ version }: Snapshot): SetpointError {
  const message = `version ${version} is in quarantine: two processes in a row ended while they applied it, or soon after; publish a version that mends it, or this one again as a new version`;
  return new SetpointError('quarantined', message);
}
