import {
  isOverlapping,
  type JsonValue,
  type Pointer,
  parsePointer,
  readPointer,
  SetpointError,
} from '@setpoint/protocol';
import type { Follower } from '../transaction/handler-step.ts';
import type { Change, ChangeHandler } from '../transaction/transaction.ts';
import { isDeepEqual } from './deep-equal.ts';

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

/** @throws SetpointError `options_invalid` */
export function subscribeAll<T>(handler: ChangeHandler<T> | ChangeHandler<T>['commit']): Follower<T> {
  if (typeof handler === 'function') {
    return { pointer: '', handler: { commit: (change, context) => handler(change, context) } };
  }
  checkHandler(handler);
  return { pointer: '', handler };
}

/** @throws SetpointError `pointer_invalid`, `options_invalid` */
export function subscribeTo<T, P extends string>(pointer: P, handler: PlaceHandler<T, P>): Follower<T> {
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
  checkHandler(handler);
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

/** Whatever types say: a handler that can't work would be found out by the first change. */
function checkHandler(handler: Readonly<Partial<Record<keyof ChangeHandler<never>, unknown>>>): void {
  if (typeof handler !== 'object' || handler === null || typeof handler.commit !== 'function') {
    throw new SetpointError('options_invalid', 'a handler is a function, or an object with a function "commit"');
  }
  for (const name of ['prepare', 'revert', 'verify'] as const) {
    if (handler[name] === undefined || typeof handler[name] === 'function') continue;
    throw new SetpointError(
      'options_invalid',
      `a handler has a "${name}" that is no function; leave it out, or mend it`,
    );
  }
  const { soakMs = 0, timeoutMs = 1, verify } = handler;
  if (!isBetween(0, soakMs) || !isBetween(1, timeoutMs)) {
    throw new SetpointError(
      'options_invalid',
      `a handler has soakMs ${soakMs} and timeoutMs ${timeoutMs}; soakMs is 0 to ${aDayMs}, timeoutMs 1 to ${aDayMs}`,
    );
  }
  if (soakMs !== 0 && !verify) {
    throw new SetpointError(
      'options_invalid',
      'a handler has soakMs and no verify: nothing would be looked at; give it one',
    );
  }
}

const isBetween = (leastMs: number, value: unknown): boolean =>
  typeof value === 'number' && value >= leastMs && value <= aDayMs;

/**
 * Is the value in the place another one, of the documents as the schema made them? Where it holds what can't be compared,
 * an object of a class of the service's say, it is where something was published there.
 */
export function isTouched(pointer: Pointer, changed: readonly Pointer[], before: unknown, after: unknown): boolean {
  if (pointer === '') return changed.length > 0;
  return !isDeepEqual(
    readPointer(before as JsonValue, pointer),
    readPointer(after as JsonValue, pointer),
    () => !changed.some((place) => isOverlapping(place, pointer)),
  );
}
