import { type Pointer, SetpointError } from '@setpoint/protocol';
import { toStepError } from './handler-error.ts';
import {
  type Change,
  endsSoon,
  type HandlerRun,
  LazySignal,
  onAbort,
  runStep,
  type StepName,
  type StepOptions,
  type Subscriber,
} from './handler-step.ts';

export interface TransactionOptions<T> extends StepOptions {
  /** Whether the change gives this place another value. */
  readonly concerns: (pointer: Pointer) => boolean;
  /** Puts the new document in force, or the old one back. */
  readonly swap: (to: 'current' | 'previous') => void;
  /** Called when a handler could not go back: the process may be in a mixed state. */
  readonly onRevertFailed: (error: SetpointError) => void;
  /** Called when a step outlives its time limit and the way back. What it still does comes too late. */
  readonly onLate: (subscriber: Subscriber<T>, settled: Promise<void>) => void;
}

/**
 * Carries a change through all subscribers it concerns, in the order they were added. A subscriber that joins before
 * the swap takes part; one that joins after it has seen the new document and takes part only in the way back; one that
 * leaves is not called any more. Resolves to the subscribers that have committed.
 * @throws SetpointError `handler_failed`, `apply_timeout`, or `stopped` if `stopping` aborted on the way; everything has
 * been put back by then
 */
export async function applyChange<T>(
  subscribers: ReadonlySet<Subscriber<T>>,
  change: Change<T>,
  options: TransactionOptions<T>,
): Promise<readonly Subscriber<T>[]> {
  const { swap, stopping } = options;
  const transaction = new Transaction(subscribers, change, options);
  const unlisten = onAbort(stopping, (reason) => transaction.abort(reason));
  try {
    await transaction.prepareAll();
    swap('current');
    return await transaction.commitAll();
  } catch (cause) {
    transaction.abort(cause);
    swap('previous');
    const rest = await transaction.rollBack();
    if (stopping?.aborted) throw stoppedDuring(cause);
    throw transaction.describe(cause, rest);
  } finally {
    unlisten();
  }
}

/** A handler that takes part in the transaction. */
interface Participant<T> extends HandlerRun<T> {
  /** The last of its steps that was called, whether or not it succeeded. */
  called?: 'prepare' | 'commit';
}

class Transaction<T> {
  readonly #subscribers: ReadonlySet<Subscriber<T>>;
  readonly #change: Change<T>;
  readonly #options: TransactionOptions<T>;
  readonly #participants: Participant<T>[] = [];
  /** The subscribers at the moment of the swap. */
  #atSwap: ReadonlySet<Subscriber<T>> | undefined;
  /** The participant whose step ran last. */
  #last: Participant<T> | undefined;

  constructor(subscribers: ReadonlySet<Subscriber<T>>, change: Change<T>, options: TransactionOptions<T>) {
    this.#subscribers = subscribers;
    this.#change = change;
    this.#options = options;
  }

  abort(reason: unknown): void {
    for (const { signal } of this.#participants) signal.abort(reason);
  }

  async prepareAll(): Promise<void> {
    const { concerns, stopping } = this.#options;
    // Iterating over a set also visits subscribers that join meanwhile.
    for (const subscriber of this.#subscribers) {
      if (!concerns(subscriber.pointer)) continue;
      const participant: Participant<T> = { subscriber, signal: new LazySignal() };
      if (stopping?.aborted) participant.signal.abort(stopping.reason);
      this.#participants.push(participant);
      if (subscriber.handler.prepare) await this.#run(participant, 'prepare');
    }
  }

  async commitAll(): Promise<readonly Subscriber<T>[]> {
    this.#atSwap = new Set(this.#subscribers);
    for (const participant of this.#participants) {
      if (this.#subscribers.has(participant.subscriber)) await this.#run(participant, 'commit');
    }
    return this.#participants.filter(({ called }) => called === 'commit').map(({ subscriber }) => subscriber);
  }

  async #run(participant: Participant<T>, step: 'prepare' | 'commit'): Promise<void> {
    this.#last = participant;
    participant.called = step;
    try {
      await runStep(participant, step, this.#change, this.#options);
    } catch (cause) {
      // The failure of a handler that was removed meanwhile does not matter.
      if (this.#subscribers.has(participant.subscriber)) throw cause;
    }
  }

  /** Brings every handler back. Returns what to append to the error about it. */
  async rollBack(): Promise<string> {
    const { abandoned, onLate, concerns } = this.#options;
    const change = this.#change;
    let isComplete = true;
    let isLate = false;
    const joinedAfterSwap = [...this.#subscribers].filter(
      (each) => this.#atSwap && !this.#atSwap.has(each) && concerns(each.pointer),
    );
    const called = this.#participants.filter(({ subscriber }) => this.#subscribers.has(subscriber)).reverse();
    for (const subscriber of joinedAfterSwap) {
      isComplete = (await catchUp(subscriber, reverse(change), this.#options)) && isComplete;
    }
    for (const participant of called) {
      const { subscriber, late } = participant;
      if (late && !(await endsSoon(late, abandoned))) {
        isLate = true;
        onLate(subscriber, late);
      }
      const step = stepBack(participant);
      if (!step) continue;
      const back = step === 'commit' ? reverse(change) : change;
      isComplete = (await tryStep(subscriber, step, back, this.#options)) && isComplete;
    }
    if (!isComplete) return '; and not every handler could go back: restart this process';
    return isLate
      ? '; it still runs, and is taken back once more when it ends: restart this process if it never does'
      : '';
  }

  describe(cause: unknown, rest: string): unknown {
    const last = this.#last;
    return last?.called ? toStepError(cause, last.called, last, this.#change, rest) : cause;
  }
}

function stepBack<T>({ subscriber, called }: Participant<T>): 'revert' | 'commit' | undefined {
  if (called && subscriber.handler.revert) return 'revert';
  return called === 'commit' ? 'commit' : undefined;
}

type SingleStepOptions<T> = Pick<TransactionOptions<T>, 'onRevertFailed' | 'onLate'> & StepOptions;

/** Brings one subscriber alone to the document in force. Resolves to whether that worked. */
export async function catchUp<T>(
  subscriber: Subscriber<T>,
  change: Change<T>,
  options: SingleStepOptions<T>,
): Promise<boolean> {
  const isPrepared = await tryStep(subscriber, 'prepare', change, options);
  return isPrepared && tryStep(subscriber, 'commit', change, options);
}

/** Runs one handler step outside a transaction, with a signal of its own. Reports a failure and resolves to false. */
async function tryStep<T>(
  subscriber: Subscriber<T>,
  step: StepName,
  change: Change<T>,
  options: SingleStepOptions<T>,
): Promise<boolean> {
  const run: HandlerRun<T> = { subscriber, signal: new LazySignal() };
  try {
    await runStep(run, step, change, options);
    return true;
  } catch (cause) {
    options.onRevertFailed(toStepError(cause, step, run, change));
    if (run.late) options.onLate(subscriber, run.late);
    return false;
  }
}

/** The same change in the other direction. */
export const reverse = <T>(change: Change<T>): Change<T> => ({
  ...change,
  current: change.previous,
  previous: change.current,
  version: change.previousVersion,
  previousVersion: change.version,
  isReturn: true,
});

/** Says nothing about the document. */
const stoppedDuring = (cause: unknown): SetpointError =>
  new SetpointError('stopped', 'the connection was stopped before the change was complete', { cause });
