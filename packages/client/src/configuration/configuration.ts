import {
  type ConfigReport,
  isNewer,
  judge,
  type KeyRing,
  SetpointError,
  type Snapshot,
  type Stamp,
} from '@setpoint/protocol';
import type { z } from 'zod';
import { type ApplyingRecord, CrashLoopGuard } from '../last-good/crash-loop-guard.ts';
import type { Observer } from '../observe/observer.ts';
import type { Policy } from '../options/policy.ts';
import { isOutside } from '../options/schema-places.ts';
import type { Change, Subscriber } from '../transaction/handler-step.ts';
import { ApplyQueue } from './apply-queue.ts';
import { type Candidate, ChangeApplier } from './change-applier.ts';
import type { ClientState } from './client-state.ts';
import { DocumentBuilder } from './document-builder.ts';
import { DocumentState } from './document-state.ts';
import { type ApplyCallbacks, guardCallbacks, Listeners } from './guarded-callbacks.ts';
import type { ProviderState, ProviderStateChange } from './provider-state.ts';
import { type ReceivedSnapshot, receive } from './receive.ts';
import { textOf, toHandlerFailure, toRefusal } from './refusal.ts';

export interface ConfigurationOptions<T> extends ApplyCallbacks {
  readonly service: string;
  /** The name of the authority whose snapshots are accepted. */
  readonly authority: string;
  readonly schema: z.ZodType<T>;
  readonly keys: KeyRing | undefined;
  readonly applyTimeoutMs: number;
  readonly now: () => number;
  readonly policy: Policy;
  /** Undefined when nothing is kept on disk. */
  readonly applyingRecord: ApplyingRecord | undefined;
  /** Keeps a snapshot for the next start; called before its outcome is reported. Must not throw. */
  readonly remember: (received: ReceivedSnapshot) => Promise<void>;
  readonly observer?: Pick<Observer, 'reception' | 'applying'>;
}

/** Handlers get this long to finish a change once the connection stops. Milliseconds. */
const stopGraceMs = 1500;

/** The configuration of this process: takes in snapshots, applies the newest one at a time, and says what is in force. */
export class Configuration<T> {
  readonly #options: ConfigurationOptions<T>;
  readonly #state: DocumentState<T>;
  readonly #builder: DocumentBuilder<T>;
  readonly #applier: ChangeApplier<T>;
  readonly #guard: CrashLoopGuard;
  readonly #queue = new ApplyQueue(() => this.#nextTask());
  readonly #stateListeners: Listeners<ProviderStateChange>;
  readonly #restartListeners: Listeners<Change<T>>;
  readonly #abandoned = new AbortController();
  /** The newest snapshot that waits to be applied. */
  #waiting: Candidate | undefined;
  /** The last good snapshot on disk: nothing older is applied. */
  #floor: Stamp | undefined;
  #misfit: SetpointError | undefined;

  constructor(options: ConfigurationOptions<T>) {
    const { schema, policy, applyTimeoutMs, now } = options;
    this.#options = guardCallbacks(options);
    const onListenerFailed = (cause: unknown): void => this.#reportListenerFailure(cause);
    this.#stateListeners = new Listeners(onListenerFailed);
    this.#restartListeners = new Listeners(onListenerFailed);
    const abandoned = this.#abandoned.signal;
    this.#builder = new DocumentBuilder({ schema, policy, timeoutMs: applyTimeoutMs, abandoned, now });
    this.#guard = new CrashLoopGuard({ record: options.applyingRecord, remember: options.remember });
    this.#state = new DocumentState({
      policy,
      onStaleness: this.#options.onStaleness,
      stateListeners: this.#stateListeners,
    });
    this.#applier = new ChangeApplier({
      state: this.#state,
      builder: this.#builder,
      guard: this.#guard,
      callbacks: this.#options,
      restartListeners: this.#restartListeners,
      applyTimeoutMs,
      abandoned,
      hasBootDefaults: policy.bootDefaults.size > 0,
      isSuperseded: (snapshot) => this.#waiting !== undefined && isNewer(this.#waiting.received.snapshot, snapshot),
      onLateStepEnded: () => this.#queue.wake(),
    });
  }

  get state(): ClientState {
    return this.#state.client;
  }

  /** Frozen; undefined before the first document. */
  get current(): T | undefined {
    return this.#state.inForce?.document;
  }

  /** The version of `current`; undefined for defaults. */
  get stamp(): Stamp | undefined {
    return this.#state.inForce?.snapshot;
  }

  /** The newest version that was delivered, whether or not it was applied. */
  get observed(): { readonly epoch: number; readonly version: number } | undefined {
    return this.#state.observed;
  }

  /** The version of `current` while it is on trial: it may be taken back. */
  get trial(): Stamp | undefined {
    return this.#applier.trial;
  }

  /** Why `takeDefaults` failed. */
  get misfit(): SetpointError | undefined {
    return this.#misfit;
  }

  get providerState(): ProviderState {
    return this.#state.provider;
  }

  /** @throws SetpointError `pointer_invalid` for a place that the schema can't have; `stopped` */
  addSubscriber({ pointer, handler }: Subscriber<T>): () => void {
    if (this.state === 'stopped') {
      throw new SetpointError('stopped', 'the connection was stopped: nothing changes any more');
    }
    if (isOutside(this.#options.schema, pointer, 'out')) {
      const message = `the schema has nothing at ${pointer}: a handler of it would never be called; fix the pointer`;
      throw new SetpointError('pointer_invalid', message);
    }
    // A new object, so that a handler can be added twice.
    return this.#applier.add({ pointer, handler });
  }

  /** Calls the listener at every change of the provider state. */
  onState(listener: (change: ProviderStateChange) => void): () => void {
    return this.#stateListeners.add(listener);
  }

  /** Calls the listener after a change that needs a restart was applied and reported. */
  onRestartRequired(listener: (change: Change<T>) => void): () => void {
    return this.#restartListeners.add(listener);
  }

  /** The authority gave a sign of life. */
  heardAuthority(): void {
    this.#state.heardAuthority();
  }

  /** Takes in the bytes of a snapshot from the broker. Applies one at a time; of those that wait, the newest. */
  offer(bytes: Uint8Array): void {
    if (this.state === 'stopped') return;
    const { service, authority, keys, now, onOutcome, observer } = this.#options;
    const applied = this.#state.applied?.snapshot ?? this.#floor;
    const reception = receive(bytes, { service, authority, keys, now: now(), applied });
    observer?.reception(reception, bytes.length);
    switch (reception.kind) {
      case 'apply':
        return this.#enqueue({ received: reception.received, from: 'live' });
      case 'skip':
        return this.#skip(reception.reason, reception.received);
      case 'deleted':
        return onOutcome({ kind: 'deleted' });
      case 'refuse':
        if (reception.stamp) this.#state.observe(reception.stamp);
        return onOutcome({ kind: 'refused', error: reception.error });
    }
  }

  /** Sets the last good snapshot on disk as the version below which nothing is applied. */
  setFloor(stamp: Stamp): void {
    this.#floor = stamp;
  }

  /** Starts on the last good snapshot. Resolves to false when it does not fit the schema any more. */
  async takeCached(received: ReceivedSnapshot): Promise<boolean> {
    if (!this.#state.applied) this.#enqueue({ received, from: 'cache' });
    await this.#queue.idle();
    return this.#state.applied !== undefined;
  }

  /**
   * Starts on the schema's defaults and the values of the boot policy; values that the policy keeps are taken from
   * `cached`. Resolves to false when that makes no complete document.
   */
  async takeDefaults(cached?: ReceivedSnapshot): Promise<boolean> {
    await this.#queue.idle();
    const defaults = this.#state.applied
      ? undefined
      : await this.#builder.fromDefaults(cached?.snapshot).catch((cause) => {
          this.#misfit = toRefusal(cause);
        });
    // A snapshot from the broker that arrived meanwhile is better.
    await this.#queue.idle();
    if (this.#state.applied) return true;
    if (!defaults || this.state === 'stopped') return false;
    this.#state.apply(defaults);
    this.#state.move('defaults_applied');
    this.#options.onFirst();
    this.#options.onOutcome({ kind: 'applied', isFirst: true, restartRequired: [] });
    return true;
  }

  /** Nothing was found to start on: waits for a snapshot. */
  waitForSnapshot(): void {
    this.#state.move('nothing_found');
  }

  /**
   * Stops. Resolves when a change under way has ended: its handlers are told by their signal, and after 1.5 s nothing
   * waits for them any more.
   */
  async stop(): Promise<void> {
    this.#state.stop();
    this.#waiting = undefined;
    this.#applier.stop(new SetpointError('stopped', 'the connection was stopped'));
    const giveUp = setTimeout(() => this.#abandoned.abort(), stopGraceMs);
    await this.#queue.idle();
    clearTimeout(giveUp);
    await this.#guard.end().catch(this.#options.onListenerFailed);
  }

  /** The configuration part of the health report. */
  report(): ConfigReport {
    return this.#state.report();
  }

  #skip(reason: 'stale' | 'duplicate', received: ReceivedSnapshot): void {
    if (reason === 'stale') return this.#options.onOutcome({ kind: 'skipped', reason });
    const { applied } = this.#state;
    if (applied?.snapshot && !applied.isMakeshift) return this.#applier.confirm();
    // At start, the broker's snapshot may be the one from disk; it is applied as the live one.
    this.#enqueue({ received, from: 'live' });
  }

  #enqueue(candidate: Candidate): void {
    const { snapshot } = candidate.received;
    this.#state.observe(snapshot);
    const { kind } = judge(this.#waiting?.received.snapshot, snapshot);
    if (kind === 'refuse') return this.#applier.refuseReused(snapshot);
    if (kind === 'skip') return;
    this.#waiting = candidate;
    this.#applier.endTrialFor(snapshot);
    this.#queue.wake();
  }

  #nextTask(): (() => Promise<void>) | undefined {
    if (this.state === 'stopped') return undefined;
    const stray = this.#applier.nextStray();
    if (stray) return () => this.#survive(stray, this.#options.onListenerFailed);
    const candidate = this.#waiting;
    if (candidate) {
      this.#waiting = undefined;
      return () => this.#applyWatched(candidate, () => this.#applier.apply(candidate));
    }
    const trial = this.#applier.nextTrial();
    return trial && (() => this.#applyWatched(trial.candidate, trial.work));
  }

  /** Lets the observer watch the work, which runs exactly once even when the observer fails. */
  async #applyWatched({ received, from }: Candidate, work: () => Promise<void>): Promise<void> {
    let running: Promise<void> | undefined;
    const runOnce = (): Promise<void> => {
      running ??= this.#survive(work, (cause) => this.#failUnexpectedly(received.snapshot, cause));
      return running;
    };
    try {
      await this.#options.observer?.applying(received, from, runOnce);
    } catch (cause) {
      this.#options.onListenerFailed(cause);
    }
    await runOnce();
  }

  /** Never rejects: a rejection would stop the queue for good. */
  async #survive(work: () => Promise<void>, onFailed: (cause: unknown) => void): Promise<void> {
    try {
      await work();
    } catch (cause) {
      onFailed(cause);
    }
  }

  /** A defect of the client: the version is rejected, and the next one has its turn. */
  #failUnexpectedly(snapshot: Snapshot, cause: unknown): void {
    const message = `this version met a fault of the client: ${textOf(cause)}`;
    this.#applier.fail(snapshot, new SetpointError('handler_failed', message, { cause }));
  }

  #reportListenerFailure(cause: unknown): void {
    const { inForce, replaced } = this.#state;
    this.#options.onListenerFailed(this.#builder.maskSecrets(toHandlerFailure(cause), [inForce?.snapshot, replaced]));
  }
}
