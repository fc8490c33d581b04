import { startBackgroundTimer } from '@setpoint/participant';
import { toStepError } from './handler-error.ts';
import {
  type Change,
  type HandlerContext,
  LazySignal,
  onAbort,
  runStep,
  type StepOptions,
  type Subscriber,
} from './handler-step.ts';

/** Whether one of these has a `verify` step. */
export const hasVerify = <T>(subscribers: readonly Subscriber<T>[]): boolean =>
  subscribers.some(({ handler }) => handler.verify !== undefined);

/**
 * Puts a committed change on trial: calls every `verify` now, and again after its soak time. Resolves when all have
 * agreed. The first one that does not ends the trial for all, as does `stopping`.
 * @throws SetpointError `verify_failed`; the reason of `stopping`
 */
export async function verifyChange<T>(
  subscribers: readonly Subscriber<T>[],
  change: Change<T>,
  options: StepOptions,
): Promise<void> {
  const trial = new LazySignal();
  const unlisten = onAbort(options.stopping, (reason) => trial.abort(reason));
  try {
    await Promise.all(subscribers.map((subscriber) => verifyTwice(subscriber, change, options, trial)));
  } catch (cause) {
    trial.abort(cause);
    throw trial.signal.reason;
  } finally {
    unlisten();
  }
}

async function verifyTwice<T>(
  subscriber: Subscriber<T>,
  change: Change<T>,
  options: StepOptions,
  trial: HandlerContext,
): Promise<void> {
  const { verify, soakMs = 0 } = subscriber.handler;
  if (!verify) return;
  await verifyOnce(subscriber, change, options, trial);
  if (soakMs === 0) return;
  await pause(soakMs, trial.signal);
  await verifyOnce(subscriber, change, options, trial);
}

async function verifyOnce<T>(
  subscriber: Subscriber<T>,
  change: Change<T>,
  options: StepOptions,
  trial: HandlerContext,
): Promise<void> {
  const run = { subscriber, signal: new LazySignal() };
  const unlisten = onAbort(trial.signal, (reason) => run.signal.abort(reason));
  try {
    // A trial that is over does not wait for its verify steps.
    const answer = await runStep(run, 'verify', change, { ...options, abandoned: trial.signal });
    if (answer === false) throw new Error('it answered false');
  } catch (cause) {
    throw toStepError(cause, 'verify', run, change);
  } finally {
    unlisten();
  }
}

/** Resolves after `ms` without keeping the process alive. Rejects when the signal aborts. */
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
