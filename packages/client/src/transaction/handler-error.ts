import { type Pointer, parsePointer, SetpointError } from '@setpoint/protocol';
import { textOf } from '../configuration/refusal.ts';
import type { Change, HandlerRun, StepName } from './handler-step.ts';

/**
 * Thrown by a handler to refuse a change and to name the setting that is the reason.
 *
 * @example
 * config.onChange({
 *   prepare({ current }) {
 *     if (!models.has(current.whisper.model)) throw new ChangeRefused('/whisper/model', 'this model is not installed');
 *   },
 *   commit() {},
 * });
 */
export class ChangeRefused extends Error {
  override readonly name = 'ChangeRefused';
  readonly pointer: Pointer;

  constructor(pointer: Pointer, message: string, options?: ErrorOptions) {
    super(message, options);
    this.pointer = pointer;
  }
}

/** Returns an error that names the step and the handler that failed, the version, and the reason; `rest` is appended. */
export function toStepError<T>(
  cause: unknown,
  step: StepName,
  { subscriber, late }: HandlerRun<T>,
  change: Change<T>,
  rest = '',
): SetpointError {
  const message = textOf(cause);
  const code = step === 'verify' ? 'verify_failed' : late ? 'apply_timeout' : 'handler_failed';
  const place = subscriber.pointer === '' ? 'a handler of the whole document' : subscriber.pointer;
  return new SetpointError(code, `version ${change.version}, ${step} of ${place}: ${message}${rest}`, {
    cause,
    faults: [{ pointer: pointerOf(cause, change), message }],
  });
}

/** The setting named by ChangeRefused, else the only one that changed, else the whole document. */
function pointerOf<T>(cause: unknown, { changed }: Change<T>): Pointer {
  try {
    if (!(cause instanceof ChangeRefused)) return changed.length === 1 ? (changed[0] ?? '') : '';
    // An invalid pointer would make the health report that repeats it unreadable.
    parsePointer(cause.pointer);
    return cause.pointer;
  } catch {
    return '';
  }
}
