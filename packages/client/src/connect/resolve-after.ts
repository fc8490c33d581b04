import { startBackgroundTimer } from '@setpoint/participant';
import { SetpointError } from '@setpoint/protocol';
import { onAbort } from '../transaction/handler-step.ts';

/** Resolves after a time, without keeping the process alive. */
export const resolveAfter = (ms: number): Promise<undefined> =>
  new Promise((settle) => startBackgroundTimer(() => settle(undefined), ms));

/** A promise that rejects with `stopped` when the signal aborts, and a function that stops listening. */
export function rejectOnAbort(signal: AbortSignal | undefined): {
  readonly aborted: Promise<never>;
  readonly forget: () => void;
} {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  // It may reject when nothing waits for it any more.
  aborted.catch(() => undefined);
  const forget = onAbort(signal, (cause) => reject(new SetpointError('stopped', 'the start was aborted', { cause })));
  return { aborted, forget };
}
