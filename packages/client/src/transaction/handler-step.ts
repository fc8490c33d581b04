import { type Pointer, SetpointError } from '@setpoint/protocol';
import type { Change, ChangeHandler, HandlerContext } from './transaction.ts';

/** A handler, and the place that it follows; "" is the whole document. */
export interface Follower<T> {
  readonly pointer: Pointer;
  readonly handler: ChangeHandler<T>;
}

export type StepName = 'prepare' | 'commit' | 'revert' | 'verify';

/** A handler at work. */
export interface Work<T> {
  readonly follower: Follower<T>;
  readonly leash: Leash;
  /** Of a step that ran past its time and still runs: settles when it ends, well or badly. */
  late?: Promise<void>;
}

export interface StepOptions {
  /** For each step of each handler that says nothing else. Milliseconds. */
  readonly timeoutMs: number;
  /** The connection stops: handlers are told, and may finish. */
  readonly stopping?: AbortSignal;
  /** They had their time: nobody is waited for any more. */
  readonly abandoned?: AbortSignal;
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

/** Carries out one step of a handler, in its time. One that answers at once costs no timer. */
export async function takeStep<T>(
  work: Work<T>,
  name: StepName,
  change: Change<T>,
  { timeoutMs, abandoned }: StepOptions,
): Promise<unknown> {
  const { follower, leash } = work;
  const { handler } = follower;
  const answer: unknown = handler[name]?.(change, leash);
  if (!isPromise(answer)) return answer;
  let isSettled = false;
  // Asked once: a query builder runs its query each time.
  const running = Promise.resolve(answer);
  const settle = (): void => {
    isSettled = true;
  };
  const settled = running.then(settle, settle);
  try {
    return await inTime(handler.timeoutMs ?? timeoutMs, 'it', running, abandoned, adviceFor(handler));
  } catch (cause) {
    if (!isSettled) work.late = settled;
    leash.abort(cause);
    throw cause;
  }
}

const adviceFor = ({ timeoutMs }: Pick<ChangeHandler<never>, 'timeoutMs'>): string =>
  timeoutMs === undefined ? 'raise applyTimeoutMs' : 'raise its timeoutMs';

/** Also one of another make, as database clients return. */
const isPromise = (value: unknown): value is PromiseLike<unknown> =>
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
  advice = 'raise applyTimeoutMs',
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `${who} did not finish within ${timeoutMs} ms; ${advice} or do the work outside of it`;
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

/** A step that ran past its time, and was told so by its signal, gets this long to end. Milliseconds. */
const lateMs = 1000;

/** Does a step that is late end soon? Nobody waits once `abandoned` aborts. */
export async function endsSoon(late: Promise<void>, abandoned: AbortSignal | undefined): Promise<boolean> {
  return inTime(lateMs, 'it', late, abandoned).then(
    () => true,
    () => false,
  );
}
