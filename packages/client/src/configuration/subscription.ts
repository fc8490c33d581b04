import {
  isOverlapping,
  type JsonValue,
  type Pointer,
  parsePointer,
  readPointer,
  SetpointError,
} from '@setpoint/protocol';
import type { Change, ChangeHandler, Subscriber } from '../transaction/handler-step.ts';
import { isDeepEqual } from './deep-equal.ts';

/** The type of the value at a literal pointer; unknown when the document's type can't tell. */
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

/** One change as a subscriber to one place of the document sees it. */
export interface PlaceChange<T, V> extends Change<T> {
  /** The new value; undefined when there is none. */
  readonly value: V;
  /** The value before; undefined when there was none. */
  readonly previousValue: V;
}

/** Handles changes of one place: a function is called after a change came into force, an object takes part in the transaction. */
export type PlaceHandler<T, P extends string> =
  | ChangeHandler<T, PlaceChange<T, ValueAt<T, P>>>
  | ChangeHandler<T, PlaceChange<T, ValueAt<T, P>>>['commit'];

/** Subscribes a handler to the whole document. @throws SetpointError `options_invalid` */
export function subscribeAll<T>(handler: ChangeHandler<T> | ChangeHandler<T>['commit']): Subscriber<T> {
  if (typeof handler === 'function') {
    return { pointer: '', handler: { commit: (change, context) => handler(change, context) } };
  }
  checkHandler(handler);
  return { pointer: '', handler };
}

/** Subscribes a handler to one place. @throws SetpointError `pointer_invalid`, `options_invalid` */
export function subscribeTo<T, P extends string>(pointer: P, handler: PlaceHandler<T, P>): Subscriber<T> {
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

/** Checks at once what would otherwise fail at the first change; callers may have no types. */
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
 * Whether a place has another value after the change, comparing the documents as the schema made them. A value that
 * can't be compared, such as an object of the service's own class, counts as changed when its published value changed.
 */
export function isTouched(pointer: Pointer, changed: readonly Pointer[], before: unknown, after: unknown): boolean {
  if (pointer === '') return changed.length > 0;
  return !isDeepEqual(
    readPointer(before as JsonValue, pointer),
    readPointer(after as JsonValue, pointer),
    () => !changed.some((place) => isOverlapping(place, pointer)),
  );
}
