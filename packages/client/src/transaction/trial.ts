import { startBackgroundTimer } from '@setpoint/participant';
import { toFailedStep } from './handler-error.ts';
import { type Follower, Leash, onAbort, type StepOptions, takeStep } from './handler-step.ts';
import type { Change, HandlerContext } from './transaction.ts';

/** Does one of these want to see how the service does with a new document? */
export const hasProbe = <T>(followers: readonly Follower<T>[]): boolean =>
  followers.some(({ handler }) => handler.verify !== undefined);

/**
 * Puts a committed change on trial: every probe is asked now, and once more when its soak time has passed. Resolves when
 * all of them were content; the first that is not ends the trial of all, as does `stopping`.
 * @throws SetpointError `verify_failed`; what `stopping` was aborted with
 */
export async function proveChange<T>(
  followers: readonly Follower<T>[],
  change: Change<T>,
  options: StepOptions,
): Promise<void> {
  const leash = new Leash();
  const unlisten = onAbort(options.stopping, (reason) => leash.abort(reason));
  try {
    await Promise.all(followers.map((follower) => prove(follower, change, options, leash)));
  } catch (cause) {
    leash.abort(cause);
    throw leash.signal.reason;
  } finally {
    unlisten();
  }
}

async function prove<T>(
  follower: Follower<T>,
  change: Change<T>,
  options: StepOptions,
  trial: HandlerContext,
): Promise<void> {
  const { verify, soakMs = 0 } = follower.handler;
  if (!verify) return;
  await ask(follower, change, options, trial);
  if (soakMs === 0) return;
  await pause(soakMs, trial.signal);
  await ask(follower, change, options, trial);
}

async function ask<T>(
  follower: Follower<T>,
  change: Change<T>,
  options: StepOptions,
  trial: HandlerContext,
): Promise<void> {
  const work = { follower, leash: new Leash() };
  const unlisten = onAbort(trial.signal, (reason) => work.leash.abort(reason));
  try {
    // Nobody waits for a probe of a trial that is over.
    const answer = await takeStep(work, 'verify', change, { ...options, abandoned: trial.signal });
    if (answer === false) throw new Error('it answered false');
  } catch (cause) {
    throw toFailedStep(cause, 'verify', work, change);
  } finally {
    unlisten();
  }
}

/** Waits; does not keep the process alive. Rejects when the trial ends before. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = startBackgroundTimer(resolve, ms);
  const unlisten = onAbort(signal, reject);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    unlisten();
  }
}
