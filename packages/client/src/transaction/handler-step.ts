import { type Pointer, SetpointError } from '@setpoint/protocol';

/** One change as a service sees it. */
export interface Change<T> {
  /** The document that is in force, or is about to be; frozen. */
  readonly current: T;
  /** The document before it; frozen. */
  readonly previous: T;
  /** Where they differ. */
  readonly changed: readonly Pointer[];
  /** Those of `changed` that take effect only after a restart, as the schema says. */
  readonly restartRequired: readonly Pointer[];
  /** The version of `current`; 0 for defaults. */
  readonly version: number;
  /** The version of `previous`; 0 for defaults. */
  readonly previousVersion: number;
  /** Whether this change goes back: `current` was in force before `previous`, which failed. */
  readonly isReturn: boolean;
}

export interface HandlerContext {
  /**
   * Aborts at the time limit, when the connection stops, and when the change failed elsewhere. Check it after each
   * `await`: once it has aborted, the change is being taken back.
   */
  readonly signal: AbortSignal;
}

/**
 * A part of the service that follows the configuration. A change is a transaction over all handlers: every `prepare`,
 * then the swap, then every `commit`. When one throws, the handlers called so far are reverted and the old document
 * stays.
 */
export interface ChangeHandler<T, C extends Change<T> = Change<T>> {
  /** Gets ready, or throws to refuse the change. The document is not in force yet. */
  prepare?(change: C, context: HandlerContext): void | Promise<void>;
  /** Takes the document over. */
  commit(change: C, context: HandlerContext): void | Promise<void>;
  /**
   * Undoes what `prepare` and `commit` did. Gets the change that failed.
   * @default calls `commit` with the reversed change, if `commit` was called
   */
  revert?(change: C, context: HandlerContext): void | Promise<void>;
  /**
   * Checks that the service works with the new document: once after all handlers have committed, and again after
   * `soakMs`. Throwing, or returning false, takes the change back through `prepare` and `commit` of every handler.
   */
  verify?(change: C, context: HandlerContext): unknown;
  /** How long the document stays on trial. A newer version ends the trial. Milliseconds, at most a day. @default 0 */
  readonly soakMs?: number;
  /** Time limit for each step of this handler. Milliseconds. @default applyTimeoutMs */
  readonly timeoutMs?: number;
}

/** A handler together with the place it follows; "" is the whole document. */
export interface Subscriber<T> {
  readonly pointer: Pointer;
  readonly handler: ChangeHandler<T>;
}

export type StepName = 'prepare' | 'commit' | 'revert' | 'verify';

/** A handler while it takes part in a change. */
export interface HandlerRun<T> {
  readonly subscriber: Subscriber<T>;
  readonly signal: LazySignal;
  /** Set when a step ran past its time limit and is still running: settles when it ends. */
  late?: Promise<void>;
}

export interface StepOptions {
  /** Time limit of a step whose handler sets none. Milliseconds. */
  readonly timeoutMs: number;
  /** Aborts when the connection stops: handlers are told, and may finish. */
  readonly stopping?: AbortSignal;
  /** Aborts when handlers have had their time to finish: nothing waits for them any more. */
  readonly abandoned?: AbortSignal;
}

/** Makes its AbortSignal only when a handler asks for it; most never do. */
export class LazySignal implements HandlerContext {
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}

/** Calls `listener` with the reason when the signal aborts, or at once if it has. Returns a function that stops listening. */
export function onAbort(signal: AbortSignal | undefined, listener: (reason: unknown) => void): () => void {
  const listen = (): void => listener(signal?.reason);
  if (signal?.aborted) listen();
  signal?.addEventListener('abort', listen, { once: true });
  return () => signal?.removeEventListener('abort', listen);
}

/** Runs one step of a handler within its time limit. A synchronous step costs no timer. */
export async function runStep<T>(
  run: HandlerRun<T>,
  name: StepName,
  change: Change<T>,
  { timeoutMs, abandoned }: StepOptions,
): Promise<unknown> {
  const { subscriber, signal } = run;
  const { handler } = subscriber;
  const answer: unknown = handler[name]?.(change, signal);
  if (!isThenable(answer)) return answer;
  let isSettled = false;
  // Resolved once: a query builder is a thenable that runs its query at each `then`.
  const running = Promise.resolve(answer);
  const settle = (): void => {
    isSettled = true;
  };
  const settled = running.then(settle, settle);
  const advice = handler.timeoutMs === undefined ? 'raise applyTimeoutMs' : 'raise its timeoutMs';
  try {
    return await withinTime(handler.timeoutMs ?? timeoutMs, 'it', running, abandoned, advice);
  } catch (cause) {
    if (!isSettled) run.late = settled;
    signal.abort(cause);
    throw cause;
  }
}

/** Includes thenables that are no promises, as database clients return them. */
const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/**
 * Waits for `running` for at most `timeoutMs`, and no longer than until `abandoned` aborts.
 * @throws SetpointError `apply_timeout`, `stopped`
 */
export async function withinTime<T>(
  timeoutMs: number,
  subject: string,
  running: PromiseLike<T>,
  abandoned?: AbortSignal,
  advice = 'raise applyTimeoutMs',
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `${subject} did not finish within ${timeoutMs} ms; ${advice} or do the work outside of it`;
    late.reject(new SetpointError('apply_timeout', message));
  }, timeoutMs);
  const unlisten = onAbort(abandoned, () =>
    late.reject(new SetpointError('stopped', `${subject} did not finish before the connection was stopped`)),
  );
  try {
    return await Promise.race([running, late.promise]);
  } finally {
    clearTimeout(timer);
    unlisten();
  }
}

/** A step that ran past its time limit has this long to notice its aborted signal and end. Milliseconds. */
const lateMs = 1000;

/** Whether a late step ends soon. Stops waiting once `abandoned` aborts. */
export async function endsSoon(late: Promise<void>, abandoned: AbortSignal | undefined): Promise<boolean> {
  return withinTime(lateMs, 'it', late, abandoned).then(
    () => true,
    () => false,
  );
}
