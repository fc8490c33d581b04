import { type Pointer, parsePointer, SetpointError } from '@setpoint/protocol';
import { textOf } from '../configuration/refusal.ts';
import type { StepName, Work } from './handler-step.ts';
import type { Change } from './transaction.ts';

/** Thrown by a handler to refuse a change and to say which setting is the reason. */
export class ChangeRefused extends Error {
  override readonly name = 'ChangeRefused';
  readonly pointer: Pointer;

  constructor(pointer: Pointer, message: string, options?: ErrorOptions) {
    super(message, options);
    this.pointer = pointer;
  }
}

/** Says which step of which handler failed, at which version, and why. `rest` is what came of it. */
export function toFailedStep<T>(
  cause: unknown,
  step: StepName,
  { follower, late }: Work<T>,
  change: Change<T>,
  rest = '',
): SetpointError {
  const message = textOf(cause);
  const code = step === 'verify' ? 'verify_failed' : late ? 'apply_timeout' : 'handler_failed';
  const place = follower.pointer === '' ? 'a handler of the whole document' : follower.pointer;
  return new SetpointError(code, `version ${change.version}, ${step} of ${place}: ${message}${rest}`, {
    cause,
    faults: [{ pointer: pointerOf(cause, change), message }],
  });
}

/** The setting that is the reason: the one that was named, else the only one that changed, else the document. */
function pointerOf<T>(cause: unknown, { changed }: Change<T>): Pointer {
  try {
    if (!(cause instanceof ChangeRefused)) return changed.length === 1 ? (changed[0] ?? '') : '';
    // What is no pointer would make the health that repeats it unreadable.
    parsePointer(cause.pointer);
    return cause.pointer;
  } catch {
    return '';
  }
}
