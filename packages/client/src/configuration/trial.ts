import { SetpointError } from '@setpoint/protocol';
import {
  type Change,
  type ChangeHandler,
  type HandlerContext,
  Leash,
  onAbort,
  pointerOf,
  type StepOptions,
  within,
} from '../apply.ts';

/** Does one of these want to see how the service does with a new document? */
export const hasProbe = <T>(handlers: readonly ChangeHandler<T>[]): boolean =>
  handlers.some(({ verify }) => verify !== undefined);

/**
 * Puts a committed change on trial: every probe is asked now, and once more when its soak time has passed. Resolves when
 * all of them were content; the first that is not ends the trial of all.
 * @throws SetpointError `verify_failed`; `stopped` where the connection was stopped before the end
 */
export async function proveChange<T>(
  handlers: readonly ChangeHandler<T>[],
  change: Change<T>,
  options: StepOptions,
): Promise<void> {
  const leash = new Leash();
  const unlisten = onAbort(options.stopping, () =>
    leash.abort(new SetpointError('stopped', 'the connection was stopped while the document was on trial')),
  );
  try {
    await Promise.all(handlers.map((handler) => prove(handler, change, options, leash)));
  } catch (cause) {
    leash.abort(cause);
    if (options.stopping?.aborted) throw leash.signal.reason;
    throw toVerifyFailed(cause, change);
  } finally {
    unlisten();
  }
}

async function prove<T>(
  handler: ChangeHandler<T>,
  change: Change<T>,
  options: StepOptions,
  trial: HandlerContext,
): Promise<void> {
  if (!handler.verify) return;
  await ask(handler, change, options, trial);
  const { soakMs = 0 } = handler;
  if (soakMs === 0) return;
  await pause(soakMs, trial.signal);
  await ask(handler, change, options, trial);
}

async function ask<T>(
  handler: ChangeHandler<T>,
  change: Change<T>,
  options: StepOptions,
  trial: HandlerContext,
): Promise<void> {
  const leash = new Leash();
  const unlisten = onAbort(trial.signal, (reason) => leash.abort(reason));
  try {
    // Nobody waits for a probe of a trial that is over.
    const answer = await within({ handler, leash }, { ...options, abandoned: trial.signal }, (context) =>
      handler.verify?.(change, context),
    );
    if (answer === false) throw new Error('verify answered false');
  } finally {
    unlisten();
  }
}

/** Waits; does not keep the process alive. Rejects when the trial ends before. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms).unref();
  const unlisten = onAbort(signal, reject);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    unlisten();
  }
}

function toVerifyFailed<T>(cause: unknown, change: Change<T>): SetpointError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `version ${change.version} did not prove itself: ${reason}`;
  return new SetpointError('verify_failed', message, {
    cause,
    faults: [{ pointer: pointerOf(cause, change), message: reason }],
  });
}
