import { isNewer, judge, SetpointError, type Snapshot, type Stamp } from '@setpoint/protocol';
import type { CrashLoopGuard } from '../last-good/crash-loop-guard.ts';
import type { Change, StepOptions, Subscriber } from '../transaction/handler-step.ts';
import { applyChange, catchUp, reverse, type TransactionOptions } from '../transaction/transaction.ts';
import { hasVerify, verifyChange } from '../transaction/trial.ts';
import { changeBetween } from './change-between.ts';
import type { DocumentBuilder, ValidatedDocument } from './document-builder.ts';
import type { DocumentState } from './document-state.ts';
import type { ApplyCallbacks, Listeners } from './guarded-callbacks.ts';
import { type ReceivedSnapshot, versionReused } from './receive.ts';
import { isSetpointError, toRefusal } from './refusal.ts';
import { isTouched } from './subscription.ts';

/** A snapshot that is to be applied, and where it comes from. */
export interface Candidate {
  readonly received: ReceivedSnapshot;
  readonly from: 'live' | 'cache';
}

export interface ChangeApplierOptions<T> {
  readonly state: DocumentState<T>;
  readonly builder: DocumentBuilder<T>;
  readonly guard: CrashLoopGuard;
  readonly callbacks: ApplyCallbacks;
  readonly restartListeners: Listeners<Change<T>>;
  /** Time limit of one handler step. Milliseconds. */
  readonly applyTimeoutMs: number;
  /** Aborts when handlers have had their time to finish after a stop. */
  readonly abandoned: AbortSignal;
  /** Whether the boot policy replaces values of a snapshot from disk. */
  readonly hasBootDefaults: boolean;
  /** Whether a version newer than this one waits to be applied. */
  readonly isSuperseded: (snapshot: Snapshot) => boolean;
  /** Called when a handler step that ran late has ended, and its handler must be brought back. */
  readonly onLateStepEnded: () => void;
}

/** A version that all handlers have committed and that is not proven yet. */
interface Trial<T> {
  readonly candidate: Candidate;
  readonly document: ValidatedDocument<T>;
  readonly change: Change<T>;
  /** The subscribers that have committed it. */
  readonly committed: readonly Subscriber<T>[];
}

/** Brings one version at a time into force: validate, prepare, swap, commit, verify; or all the way back. */
export class ChangeApplier<T> {
  readonly #options: ChangeApplierOptions<T>;
  readonly #state: DocumentState<T>;
  readonly #subscribers = new Set<Subscriber<T>>();
  /** Subscribers that may have taken over another document than the one in force, by a step that ended too late. */
  readonly #strays = new Map<Subscriber<T>, ValidatedDocument<T>>();
  readonly #stopping = new AbortController();
  #trial: Trial<T> | undefined;
  #trialEnd: AbortController | undefined;

  constructor(options: ChangeApplierOptions<T>) {
    this.#options = options;
    this.#state = options.state;
  }

  /** The version on trial: it may still be taken back. */
  get trial(): Snapshot | undefined {
    return this.#trial?.document.snapshot;
  }

  add(subscriber: Subscriber<T>): () => void {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  /** Applies a candidate, unless what was applied or put on trial while it waited makes it needless. */
  async apply(candidate: Candidate): Promise<void> {
    const { from, received } = candidate;
    const { snapshot } = received;
    const verdict = judge(this.#state.inForce?.snapshot, snapshot);
    if (verdict.kind === 'refuse') return this.refuseReused(snapshot);
    if (verdict.kind === 'apply') return this.#tryToApply(candidate);
    if (verdict.reason === 'stale' || from === 'cache' || this.#trial) return;
    if (this.#state.applied?.isMakeshift) return this.#tryToApply(candidate);
    this.confirm();
  }

  /** The broker has the version that is applied. */
  confirm(): void {
    const wasLive = this.#state.client === 'live';
    this.#state.move('snapshot_applied');
    this.#options.callbacks.onOutcome(wasLive ? { kind: 'skipped', reason: 'duplicate' } : { kind: 'confirmed' });
  }

  /** A version came twice with different content. */
  refuseReused(stamp: Stamp): void {
    this.#options.callbacks.onOutcome({ kind: 'refused', error: versionReused(stamp) });
  }

  /** Ends the trial of an older version: it gets no more time once there is something newer. */
  endTrialFor(newer: Snapshot): void {
    if (!this.trial || !isNewer(newer, this.trial)) return;
    this.#trialEnd?.abort(new SetpointError('stopped', `version ${newer.version} takes its place`));
  }

  /** The next work besides candidates: a subscriber to bring back; undefined when there is none. */
  nextStray(): (() => Promise<void>) | undefined {
    const [stray] = this.#strays;
    if (!stray) return undefined;
    return () => {
      this.#strays.delete(stray[0]);
      return this.#bringBack(...stray);
    };
  }

  /** Takes up a trial that was left for a newer version which was not applied; undefined when there is none. */
  nextTrial(): { readonly candidate: Candidate; readonly work: () => Promise<void> } | undefined {
    const trial = this.#trial;
    return trial && { candidate: trial.candidate, work: () => this.#prove(trial) };
  }

  /** Reports a version as rejected, with the secrets of all documents involved masked in the error. */
  fail(snapshot: Snapshot, cause: unknown, before: readonly (Snapshot | undefined)[] = []): void {
    this.#reject(snapshot, this.#mask(toRefusal(cause), snapshot, ...this.#state.snapshotsInUse, ...before));
  }

  stop(reason: SetpointError): void {
    this.#stopping.abort(reason);
    this.#trialEnd?.abort(reason);
  }

  async #tryToApply(candidate: Candidate): Promise<void> {
    const { from, received } = candidate;
    const { snapshot } = received;
    const { guard, hasBootDefaults } = this.#options;
    const before = this.#state.snapshotsInUse;
    // With values of the boot policy in it, it is another document than the one that failed.
    const isAsPublished = from === 'live' || !hasBootDefaults;
    if (isAsPublished && this.#state.attempts.wouldFailAgain(snapshot)) return this.#failAgain(snapshot);
    if (guard.holds(snapshot)) return this.#reject(snapshot, quarantined(snapshot));
    await guard.beginApplying(snapshot);
    try {
      await this.#applyNow(candidate);
    } catch (cause) {
      // A failure caused by the stop says nothing about the document.
      if (!isStop(cause)) this.fail(snapshot, cause, before);
      await guard.notApplied(this.trial);
    }
  }

  #failAgain(snapshot: Snapshot): void {
    this.#state.attempts.repeat(snapshot);
    this.#options.callbacks.onOutcome({ kind: 'skipped', reason: 'failed_before' });
  }

  async #applyNow(candidate: Candidate): Promise<void> {
    const { snapshot } = candidate.received;
    const before = this.#state.inForce;
    const document = await this.#options.builder.fromSnapshot(snapshot, candidate.from);
    const change = before && changeBetween(before, document);
    const isChange = before && change && change.changed.length > 0;
    const committed = isChange
      ? await applyChange(this.#subscribers, change, this.#transaction(before, document, change))
      : [];
    if (!change || !hasVerify(committed)) return this.#accept(candidate, document);
    this.#trial = { candidate, document, change, committed };
    await this.#prove(this.#trial);
  }

  async #prove(trial: Trial<T>): Promise<void> {
    const { candidate, document, change } = trial;
    const { snapshot } = candidate.received;
    if (this.#stopping.signal.aborted || this.#options.isSuperseded(snapshot)) return;
    const before = this.#state.snapshotsInUse;
    const end = new AbortController();
    this.#trialEnd = end;
    try {
      const present = trial.committed.filter((each) => this.#subscribers.has(each));
      await verifyChange(present, change, { ...this.#steps, stopping: end.signal });
    } catch (cause) {
      // It stays on trial for a newer version; if that one is not applied, the trial starts again.
      if (end.signal.aborted) return;
      await this.#goBack(document);
      this.fail(snapshot, cause, before);
      return this.#options.guard.notApplied();
    }
    await this.#accept(candidate, document);
  }

  /** The document is in force and stays: record it, remember it, report it. */
  async #accept(candidate: Candidate, next: ValidatedDocument<T>): Promise<void> {
    const { received, from } = candidate;
    const { callbacks, guard, restartListeners } = this.#options;
    const before = this.#state.applied;
    const change = before && changeBetween(before, next);
    this.#trial = undefined;
    this.#state.apply(next);
    this.#state.observe(received.snapshot);
    this.#noteSuccess(candidate);
    this.#state.move(from === 'live' ? 'snapshot_applied' : 'cache_applied');
    if (!before) callbacks.onFirst();
    await guard.applied(received, from).catch(callbacks.onListenerFailed);
    const restartRequired = change?.restartRequired ?? [];
    callbacks.onOutcome({ kind: 'applied', isFirst: !before, restartRequired });
    if (change && restartRequired.length > 0) restartListeners.notify(change);
  }

  /** The success of a cached version, or of one on trial before it, does not undo the failure of a newer live one. */
  #noteSuccess({ received: { snapshot }, from }: Candidate): void {
    const { last } = this.#state.attempts;
    const isNewest = from === 'live' && !(last && isNewer(last, snapshot));
    if (isNewest || !last) this.#state.attempts.succeed(snapshot);
  }

  /**
   * Goes back from a document that failed its trial to the last proven one, by a transaction like any other. When a
   * handler refuses it, all stay at the failed one.
   */
  async #goBack(failed: ValidatedDocument<T>): Promise<void> {
    this.#trial = undefined;
    const proven = this.#state.applied;
    if (!proven) return;
    const back = reverse(changeBetween(proven, failed));
    try {
      await applyChange(this.#subscribers, back, this.#transaction(failed, proven, back));
    } catch (cause) {
      this.#state.keepFailed(failed);
      if (isStop(cause)) return;
      this.#options.callbacks.onRevertFailed(this.#mask(toRefusal(cause), proven.snapshot, failed.snapshot));
    }
  }

  /** Brings a subscriber that may have taken over another document to the one in force. */
  async #bringBack(subscriber: Subscriber<T>, taken: ValidatedDocument<T>): Promise<void> {
    const present = this.#state.inForce;
    if (!present || !this.#subscribers.has(subscriber)) return;
    const change = changeBetween(taken, present);
    const isReturn = change.version < change.previousVersion;
    const options = this.#transaction(taken, present, change);
    if (options.concerns(subscriber.pointer)) await catchUp(subscriber, { ...change, isReturn }, options);
  }

  get #steps(): StepOptions {
    const { applyTimeoutMs, abandoned } = this.#options;
    return { timeoutMs: applyTimeoutMs, stopping: this.#stopping.signal, abandoned };
  }

  #transaction(from: ValidatedDocument<T>, to: ValidatedDocument<T>, { changed }: Change<T>): TransactionOptions<T> {
    return {
      ...this.#steps,
      concerns: (pointer) => isTouched(pointer, changed, from.document, to.document),
      swap: (side) => this.#state.putInForce(side === 'current' ? to : from),
      onRevertFailed: (error) => this.#options.callbacks.onRevertFailed(this.#mask(error, from.snapshot, to.snapshot)),
      onLate: (subscriber, settled) =>
        void settled.then(() => {
          this.#strays.set(subscriber, to);
          this.#options.onLateStepEnded();
        }),
    };
  }

  #reject(snapshot: Snapshot, error: SetpointError): void {
    this.#state.attempts.fail(snapshot, error);
    this.#state.move('snapshot_rejected');
    this.#options.callbacks.onOutcome({ kind: 'rejected', error });
  }

  #mask(error: SetpointError, ...snapshots: (Snapshot | undefined)[]): SetpointError {
    return this.#options.builder.maskSecrets(error, snapshots);
  }
}

const isStop = (cause: unknown): boolean => isSetpointError(cause) && cause.code === 'stopped';

function quarantined({ version }: Snapshot): SetpointError {
  const message = `version ${version} is in quarantine: two processes in a row ended while they applied it, or soon after; publish a version that mends it, or this one again as a new version`;
  return new SetpointError('quarantined', message);
}
