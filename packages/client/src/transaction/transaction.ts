import { type Pointer, SetpointError } from '@setpoint/protocol';
import { toFailedStep } from './handler-error.ts';
import {
  endsSoon,
  type Follower,
  Leash,
  onAbort,
  type StepName,
  type StepOptions,
  takeStep,
  type Work,
} from './handler-step.ts';

/** One change as a service sees it. */
export interface Change<T> {
  /** The document that is, or is about to be, in force; frozen. */
  readonly current: T;
  /** The one before; frozen. */
  readonly previous: T;
  /** Where they differ. */
  readonly changed: readonly Pointer[];
  /** Which of these a running process can't take over, as the schema says. */
  readonly restartRequired: readonly Pointer[];
  /** The version of `current`; 0 where it is made of defaults. */
  readonly version: number;
  /** The version of `previous`. */
  readonly previousVersion: number;
  /** It goes back: `current` was in force before `previous`, which failed. */
  readonly isReturn: boolean;
}

export interface HandlerContext {
  /**
   * Aborts at the time limit, when the connection stops, and when the change failed elsewhere. A step looks at it after
   * each `await` and does nothing more then: it is being taken back.
   */
  readonly signal: AbortSignal;
}

/**
 * A part of the service that follows the configuration. A change is a transaction over all of them: every `prepare`,
 * then the swap, then every `commit`; a throw on the way reverts those that were called, and the old document stays.
 */
export interface ChangeHandler<T, C extends Change<T> = Change<T>> {
  /** Gets ready, or throws to refuse; the document is not in force yet. */
  prepare?(change: C, context: HandlerContext): void | Promise<void>;
  /** Takes the document over. */
  commit(change: C, context: HandlerContext): void | Promise<void>;
  /**
   * Goes back. Gets the change that failed.
   * @default `commit` with the change turned round, for a handler whose commit was called
   */
  revert?(change: C, context: HandlerContext): void | Promise<void>;
  /**
   * Looks whether the service does well with the new document: once when all have committed, and once more when
   * `soakMs` have passed. To throw or to answer false takes the change back, through `prepare` and `commit` of all.
   */
  verify?(change: C, context: HandlerContext): unknown;
  /** How long the document is on trial; a newer version ends it. Milliseconds, at most a day. @default 0 */
  readonly soakMs?: number;
  /** For each step of this handler. Milliseconds. @default applyTimeoutMs */
  readonly timeoutMs?: number;
}

export interface TransactionOptions<T> extends StepOptions {
  /** Is the value in this place another one after the change? */
  readonly concerns: (pointer: Pointer) => boolean;
  /** Makes the document the one in force, or puts the old one back. */
  readonly swap: (to: 'current' | 'previous') => void;
  /** A handler could not go back; the process may be in a mixed state. */
  readonly onRevertFailed: (error: SetpointError) => void;
  /** A step of this handler went on past its time and past the way back. What it still does is too late. */
  readonly onLate: (follower: Follower<T>, settled: Promise<void>) => void;
}

/**
 * Carries a change through all followers that it concerns, in the order they were added. Who joins before the swap takes
 * part as well; who joins after it has seen the new document, and takes part in the way back alone; who leaves is not
 * called any more. Resolves to those that have committed.
 * @throws SetpointError `handler_failed`, `apply_timeout`, or `stopped` where `stopping` aborted on the way, after
 * everything was put back
 */
export async function applyChange<T>(
  followers: ReadonlySet<Follower<T>>,
  change: Change<T>,
  options: TransactionOptions<T>,
): Promise<readonly Follower<T>[]> {
  const { swap, concerns, stopping } = options;
  const parts: Part<T>[] = [];
  let before: ReadonlySet<Follower<T>> | undefined;
  let present = undefined as Part<T> | undefined;
  const abortAll = (reason: unknown): void => {
    for (const { leash } of parts) leash.abort(reason);
  };
  const unlisten = onAbort(stopping, abortAll);
  const take = async (part: Part<T>, step: 'prepare' | 'commit'): Promise<void> => {
    present = part;
    part.called = step;
    try {
      await takeStep(part, step, change, options);
    } catch (cause) {
      // Of one that left meanwhile nobody wants to know.
      if (followers.has(part.follower)) throw cause;
    }
  };
  try {
    // A set is walked to the end that it has then: also through those that join meanwhile.
    for (const follower of followers) {
      if (!concerns(follower.pointer)) continue;
      const part: Part<T> = { follower, leash: new Leash() };
      if (stopping?.aborted) part.leash.abort(stopping.reason);
      parts.push(part);
      if (follower.handler.prepare) await take(part, 'prepare');
    }
    swap('current');
    before = new Set(followers);
    for (const part of parts) if (followers.has(part.follower)) await take(part, 'commit');
    return parts.filter(({ called }) => called === 'commit').map(({ follower }) => follower);
  } catch (cause) {
    abortAll(cause);
    swap('previous');
    const known = before;
    const joined = [...followers].filter((each) => known && !known.has(each) && concerns(each.pointer));
    const called = parts.filter(({ follower }) => followers.has(follower)).reverse();
    const rest = await goBack(joined, called, change, options);
    if (stopping?.aborted) throw stoppedWithin(cause);
    throw present?.called ? toFailedStep(cause, present.called, present, change, rest) : cause;
  } finally {
    unlisten();
  }
}

/** Brings one follower alone to the document that is in force. */
export async function catchUp<T>(
  follower: Follower<T>,
  change: Change<T>,
  options: Pick<TransactionOptions<T>, 'onRevertFailed' | 'onLate'> & StepOptions,
): Promise<boolean> {
  const isPrepared = await tryStep(follower, 'prepare', change, options);
  return isPrepared && tryStep(follower, 'commit', change, options);
}

/** The same change, seen by who goes back. */
export const turn = <T>(change: Change<T>): Change<T> => ({
  ...change,
  current: change.previous,
  previous: change.current,
  version: change.previousVersion,
  previousVersion: change.version,
  isReturn: true,
});

/** What a handler had to do with a change. */
interface Part<T> extends Work<T> {
  /** The last of its steps that was called, whatever came of it. */
  called?: 'prepare' | 'commit';
}

/** Returns what is to be said of it. */
async function goBack<T>(
  joined: readonly Follower<T>[],
  parts: readonly Part<T>[],
  change: Change<T>,
  options: TransactionOptions<T>,
): Promise<string> {
  let isWhole = true;
  let isLate = false;
  for (const follower of joined) isWhole = (await catchUp(follower, turn(change), options)) && isWhole;
  for (const { follower, called, late } of parts) {
    if (late && !(await endsSoon(late, options.abandoned))) {
      isLate = true;
      options.onLate(follower, late);
    }
    const step = wayBack(follower, called);
    if (step) isWhole = (await tryStep(follower, step, step === 'commit' ? turn(change) : change, options)) && isWhole;
  }
  if (!isWhole) return '; and not every handler could go back: restart this process';
  return isLate
    ? '; it still runs, and is taken back once more when it ends: restart this process if it never does'
    : '';
}

function wayBack<T>({ handler }: Follower<T>, called: Part<T>['called']): 'revert' | 'commit' | undefined {
  if (called && handler.revert) return 'revert';
  return called === 'commit' ? 'commit' : undefined;
}

/** A step that is on nobody's way but its own: whether it went well is told, and it has a signal of its own. */
async function tryStep<T>(
  follower: Follower<T>,
  step: StepName,
  change: Change<T>,
  options: Pick<TransactionOptions<T>, 'onRevertFailed' | 'onLate'> & StepOptions,
): Promise<boolean> {
  const work: Work<T> = { follower, leash: new Leash() };
  try {
    await takeStep(work, step, change, options);
    return true;
  } catch (cause) {
    options.onRevertFailed(toFailedStep(cause, step, work, change));
    if (work.late) options.onLate(follower, work.late);
    return false;
  }
}

/** Which is no judgement of the document. */
const stoppedWithin = (cause: unknown): SetpointError =>
  new SetpointError('stopped', 'the connection was stopped before the change was complete', { cause });
