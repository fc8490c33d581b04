import {
  isEqualJson,
  isWithin,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
  readPointer,
  SetpointError,
} from '@setpoint/protocol';
import type { Change, ChangeHandler } from '../apply.ts';

/** What a document has at a literal pointer; unknown where the type can't say it. */
export type ValueAt<T, P extends string> = P extends ''
  ? T
  : P extends `/${infer Token}/${infer Rest}`
    ? Inside<Member<T, Token>, `/${Rest}`>
    : P extends `/${infer Token}`
      ? Member<T, Token>
      : unknown;

type Inside<T, P extends string> = undefined extends T ? ValueAt<NonNullable<T>, P> | undefined : ValueAt<T, P>;

type Member<T, Token extends string> = T extends readonly (infer Item)[]
  ? Item | undefined
  : Token extends keyof T
    ? T[Token]
    : unknown;

/** One change as a subscription to a place of the document sees it. */
export interface PlaceChange<T, V> extends Change<T> {
  /** What stands in the place, or is about to; undefined where there is nothing. */
  readonly value: V;
  /** What stood there before. */
  readonly previousValue: V;
}

/** Follows one place: a function is called with what has come into force, an object takes part in the transaction. */
export type PlaceHandler<T, P extends string> =
  | ChangeHandler<T, PlaceChange<T, ValueAt<T, P>>>
  | ChangeHandler<T, PlaceChange<T, ValueAt<T, P>>>['commit'];

/** A handler, and the place it follows; "" is the whole document. */
export interface Subscription<T> {
  readonly pointer: Pointer;
  readonly handler: ChangeHandler<T>;
}

/** @throws SetpointError `options_invalid` */
export function subscribeAll<T>(handler: ChangeHandler<T> | ChangeHandler<T>['commit']): Subscription<T> {
  if (typeof handler === 'function') {
    return { pointer: '', handler: { commit: (change, context) => handler(change, context) } };
  }
  checkTimes(handler);
  return { pointer: '', handler };
}

/** @throws SetpointError `pointer_invalid`, `options_invalid` */
export function subscribeTo<T, P extends string>(pointer: P, handler: PlaceHandler<T, P>): Subscription<T> {
  parsePointer(pointer);
  const at = (document: T): ValueAt<T, P> => readPointer(document as JsonValue, pointer) as ValueAt<T, P>;
  const narrow = (change: Change<T>): PlaceChange<T, ValueAt<T, P>> => ({
    ...change,
    value: at(change.current),
    previousValue: at(change.previous),
  });
  if (typeof handler === 'function') {
    return { pointer, handler: { commit: (change, context) => handler(narrow(change), context) } };
  }
  checkTimes(handler);
  const { soakMs, timeoutMs } = handler;
  return {
    pointer,
    handler: {
      ...(handler.prepare && { prepare: (change, context) => handler.prepare?.(narrow(change), context) }),
      commit: (change, context) => handler.commit(narrow(change), context),
      ...(handler.revert && { revert: (change, context) => handler.revert?.(narrow(change), context) }),
      ...(handler.verify && { verify: (change, context) => handler.verify?.(narrow(change), context) }),
      ...(soakMs !== undefined && { soakMs }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    },
  };
}

const aDayMs = 86_400_000;

function checkTimes({ soakMs = 0, timeoutMs = 1 }: Pick<ChangeHandler<never>, 'soakMs' | 'timeoutMs'>): void {
  if (soakMs >= 0 && soakMs <= aDayMs && timeoutMs >= 1 && timeoutMs <= aDayMs) return;
  throw new SetpointError(
    'options_invalid',
    `a handler has soakMs ${soakMs} and timeoutMs ${timeoutMs}; soakMs is 0 to ${aDayMs}, timeoutMs 1 to ${aDayMs}`,
  );
}

/** Is the value in the place another one now? */
export function isTouched(
  pointer: Pointer,
  changed: readonly Pointer[],
  before: JsonObject,
  after: JsonObject,
): boolean {
  if (changed.some((place) => isWithin(place, pointer))) return true;
  // A list, or a member that came whole, is one change: it may have left this place as it was.
  return (
    changed.some((place) => isWithin(pointer, place)) &&
    !isEqualJson(readPointer(before, pointer), readPointer(after, pointer))
  );
}
