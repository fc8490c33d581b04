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
  /** It goes back: `current` was in force before `previous`, which failed. */
  readonly isReturn: boolean;
}

export interface HandlerContext {
  /** Aborts at the time limit, when the connection stops, and when the change failed elsewhere. */
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
  /** How long the document is on trial; newer versions wait meanwhile. Milliseconds, at most a day. @default 0 */
  readonly soakMs?: number;
  /** For each step of this handler. Milliseconds. @default applyTimeoutMs */
  readonly timeoutMs?: number;
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

export interface StepOptions {
  /** For each step of each handler that says nothing else. Milliseconds. */
  readonly timeoutMs: number;
  /** The connection stops: handlers are told, and may finish. */
  readonly stopping?: AbortSignal;
  /** They had their time: nobody is waited for any more. */
  readonly abandoned?: AbortSignal;
}

export interface TransactionOptions extends StepOptions {
  /** Makes the document the one in force, or puts the old one back. */
  readonly swap: (to: 'current' | 'previous') => void;
  /** A handler could not go back; the process may be in a mixed state. */
  readonly onRevertFailed: (cause: unknown) => void;
}

/**
 * Carries a change through all handlers, in the order they were added.
 * @throws SetpointError `handler_failed`, `apply_timeout`, or `stopped` where `stopping` aborted on the way, after
 * everything was put back
 */
export async function applyChange<T>(
  handlers: readonly ChangeHandler<T>[],
  change: Change<T>,
  options: TransactionOptions,
): Promise<void> {
  const { swap, onRevertFailed } = options;
  const entries = handlers.map((handler): Entry<T> => ({ handler, leash: new Leash(), called: undefined }));
  const abortAll = (reason: unknown): void => {
    for (const { leash } of entries) leash.abort(reason);
  };
  const unlisten = onAbort(options.stopping, abortAll);
  try {
    for (const entry of entries) {
      if (!entry.handler.prepare) continue;
      entry.called = 'prepare';
      await within(entry, options, (context) => entry.handler.prepare?.(change, context));
    }
    swap('current');
    for (const entry of entries) {
      entry.called = 'commit';
      await within(entry, options, (context) => entry.handler.commit(change, context));
    }
  } catch (cause) {
    abortAll(cause);
    swap('previous');
    for (const entry of entries.reverse()) {
      const back = wayBack(entry, change);
      // With a signal of its own: that of the change has aborted.
      if (back) await within({ handler: entry.handler, leash: new Leash() }, options, back).catch(onRevertFailed);
    }
    throw options.stopping?.aborted ? stoppedWithin(cause) : toError(cause, change);
  } finally {
    unlisten();
  }
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

interface Entry<T> {
  readonly handler: ChangeHandler<T>;
  readonly leash: Leash;
  /** The last of its steps that was called, whatever came of it. */
  called: 'prepare' | 'commit' | undefined;
}

type Step<Result = void> = (context: HandlerContext) => Result | PromiseLike<Result>;

function wayBack<T>({ handler, called }: Entry<T>, change: Change<T>): Step | undefined {
  if (called === undefined) return undefined;
  if (handler.revert) return (context) => handler.revert?.(change, context);
  return called === 'commit' ? (context) => handler.commit(turn(change), context) : undefined;
}

/** A signal that is made when a handler asks for it: most never do. */
export class Leash implements HandlerContext {
  #controller: AbortController | undefined;
  #ended: { readonly reason: unknown } | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#ended) this.#controller.abort(this.#ended.reason);
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#ended ??= { reason };
    this.#controller?.abort(reason);
  }
}

/** Calls `act` with the reason when the signal aborts, or has. Returns what ends it. */
export function onAbort(signal: AbortSignal | undefined, act: (reason: unknown) => void): () => void {
  const listener = (): void => act(signal?.reason);
  if (signal?.aborted) listener();
  signal?.addEventListener('abort', listener, { once: true });
  return () => signal?.removeEventListener('abort', listener);
}

/** A handler that answers at once costs no timer. */
export async function within<Result>(
  { handler, leash }: { readonly handler: Pick<ChangeHandler<never>, 'timeoutMs'>; readonly leash: Leash },
  { timeoutMs, abandoned }: StepOptions,
  step: Step<Result>,
): Promise<Result> {
  const running = step(leash);
  if (!isPromise(running)) return running;
  try {
    return await inTime(handler.timeoutMs ?? timeoutMs, 'a handler', running, abandoned);
  } catch (cause) {
    leash.abort(cause);
    throw cause;
  }
}

/** Also one of another make, as database clients return. */
const isPromise = <Result>(value: Result | PromiseLike<Result>): value is PromiseLike<Result> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/**
 * Waits no longer than `timeoutMs`, and not once `abandoned` aborts.
 * @throws SetpointError `apply_timeout`, `stopped`
 */
export async function inTime<T>(
  timeoutMs: number,
  who: string,
  running: PromiseLike<T>,
  abandoned?: AbortSignal,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `${who} did not finish within ${timeoutMs} ms; raise applyTimeoutMs or do the work outside of it`;
    late.reject(new SetpointError('apply_timeout', message));
  }, timeoutMs);
  const unlisten = onAbort(abandoned, () =>
    late.reject(new SetpointError('stopped', `${who} did not finish before the connection was stopped`)),
  );
  try {
    return await Promise.race([running, late.promise]);
  } finally {
    clearTimeout(timer);
    unlisten();
  }
}

/** Which is no judgement of the document. */
const stoppedWithin = (cause: unknown): SetpointError =>
  new SetpointError('stopped', 'the connection was stopped before the change was complete', { cause });

function toError<T>(cause: unknown, change: Change<T>): SetpointError {
  const pointer = pointerOf(cause, change);
  if (cause instanceof SetpointError && cause.code === 'apply_timeout') {
    return new SetpointError('apply_timeout', cause.message, { faults: [{ pointer, message: cause.message }] });
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return new SetpointError('handler_failed', message, { cause, faults: [{ pointer, message }] });
}

/** The setting that is the reason: the one that was named, else the only one that changed, else the document. */
export const pointerOf = <T>(cause: unknown, { changed }: Change<T>): Pointer =>
  cause instanceof ChangeRefused ? toPointer(cause.pointer) : changed.length === 1 ? (changed[0] ?? '') : '';

/** What is no pointer would make the health that repeats it unreadable. */
function toPointer(text: string): Pointer {
  try {
    parsePointer(text);
    return text;
  } catch {
    return '';
  }
}
