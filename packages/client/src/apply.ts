import { type Pointer, parsePointer, SetpointError } from '@setpoint/protocol';

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
}

/**
 * A part of the service that follows the configuration. A change is a transaction over all of them: every `prepare`,
 * then the swap, then every `commit`; a throw on the way reverts those that were called, and the old document stays.
 */
export interface ChangeHandler<T> {
  /** Gets ready, or throws to refuse; the document is not in force yet. */
  prepare?(change: Change<T>): void | Promise<void>;
  /** Takes the document over. */
  commit(change: Change<T>): void | Promise<void>;
  /**
   * Goes back. Gets the change that failed.
   * @default `commit` with the change turned round, for a handler whose commit was called
   */
  revert?(change: Change<T>): void | Promise<void>;
}

/** Thrown by a handler to refuse a change and to say which setting is the reason. */
export class ChangeRefused extends Error {
  override readonly name = 'ChangeRefused';
  readonly pointer: Pointer;

  constructor(pointer: Pointer, message: string, options?: ErrorOptions) {
    super(message, options);
    this.pointer = pointer;
  }
}

export interface TransactionOptions {
  /** For each step of each handler. Milliseconds. */
  readonly timeoutMs: number;
  /** Makes the document the one in force, or puts the old one back. */
  readonly swap: (to: 'current' | 'previous') => void;
  /** A handler could not go back; the process may be in a mixed state. */
  readonly onRevertFailed: (cause: unknown) => void;
}

/**
 * Carries a change through all handlers, in the order they were added.
 * @throws SetpointError `handler_failed` or `apply_timeout`, after everything was put back
 */
export async function applyChange<T>(
  handlers: readonly ChangeHandler<T>[],
  change: Change<T>,
  { timeoutMs, swap, onRevertFailed }: TransactionOptions,
): Promise<void> {
  const entries = handlers.map((handler): Entry<T> => ({ handler, called: undefined }));
  try {
    for (const entry of entries) {
      if (!entry.handler.prepare) continue;
      entry.called = 'prepare';
      await within(timeoutMs, () => entry.handler.prepare?.(change));
    }
    swap('current');
    for (const entry of entries) {
      entry.called = 'commit';
      await within(timeoutMs, () => entry.handler.commit(change));
    }
  } catch (cause) {
    swap('previous');
    for (const entry of entries.reverse()) {
      const back = wayBack(entry, change);
      if (back) await within(timeoutMs, back).catch(onRevertFailed);
    }
    throw toError(cause, change);
  }
}

interface Entry<T> {
  readonly handler: ChangeHandler<T>;
  /** The last of its steps that was called, whatever came of it. */
  called: 'prepare' | 'commit' | undefined;
}

function wayBack<T>({ handler, called }: Entry<T>, change: Change<T>): (() => void | Promise<void>) | undefined {
  if (called === undefined) return undefined;
  if (handler.revert) return () => handler.revert?.(change);
  return called === 'commit' ? () => handler.commit(turn(change)) : undefined;
}

const turn = <T>(change: Change<T>): Change<T> => ({
  ...change,
  current: change.previous,
  previous: change.current,
  version: change.previousVersion,
  previousVersion: change.version,
});

/** A handler that answers at once costs no timer. */
async function within(timeoutMs: number, step: () => void | Promise<void>): Promise<void> {
  const running = step();
  if (isPromise(running)) await inTime(timeoutMs, 'a handler', running);
}

/** Also one of another make, as database clients return. */
const isPromise = (value: unknown): value is PromiseLike<void> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/**
 * Waits no longer than `timeoutMs`.
 * @throws SetpointError `apply_timeout`
 */
export async function inTime<T>(timeoutMs: number, who: string, running: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `${who} did not finish within ${timeoutMs} ms; raise applyTimeoutMs or do the work outside of it`;
    timer = setTimeout(() => reject(new SetpointError('apply_timeout', message)), timeoutMs);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

function toError<T>(cause: unknown, { changed }: Change<T>): SetpointError {
  const pointer =
    cause instanceof ChangeRefused ? toPointer(cause.pointer) : changed.length === 1 ? (changed[0] ?? '') : '';
  if (cause instanceof SetpointError && cause.code === 'apply_timeout') {
    return new SetpointError('apply_timeout', cause.message, { faults: [{ pointer, message: cause.message }] });
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return new SetpointError('handler_failed', message, { cause, faults: [{ pointer, message }] });
}

/** What is no pointer would make the health that repeats it unreadable. */
function toPointer(text: string): Pointer {
  try {
    parsePointer(text);
    return text;
  } catch {
    return '';
  }
}
