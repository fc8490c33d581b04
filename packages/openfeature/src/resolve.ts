import { ErrorCode, type JsonValue, type ResolutionDetails, StandardResolutionReasons } from '@openfeature/server-sdk';
import type { ClientState, Connection, ProviderState } from '@setpoint/client';
import { formatPointer, readPointer, SetpointError } from '@setpoint/protocol';
import { parseFlagKey } from './flag-key.ts';

/** What a caller may ask for. */
export type FlagKind = 'boolean' | 'string' | 'number' | 'object' | 'list';

/** The document that is asked, and where it comes from. */
export type FlagDocument = Pick<Connection<unknown>, 'current' | 'state' | 'stamp' | 'providerState'>;

/**
 * Looks a flag up. Never throws: a key that can't be read, one that is not there and a value of another kind answer the
 * caller's default with their error code.
 */
export function resolveFlag<T extends JsonValue>(
  document: FlagDocument,
  key: string,
  kind: FlagKind,
  otherwise: T,
): ResolutionDetails<T> {
  const flagMetadata = describe(document);
  const fail = (errorCode: ErrorCode, errorMessage: string): ResolutionDetails<T> => ({
    value: otherwise,
    reason: StandardResolutionReasons.ERROR,
    errorCode,
    errorMessage,
    flagMetadata,
  });
  const names = tryParse(key);
  if (names instanceof SetpointError) return fail(ErrorCode.PARSE_ERROR, names.message);
  const value = readPointer(document.current as JsonValue, formatPointer(names));
  if (value === undefined) {
    return fail(ErrorCode.FLAG_NOT_FOUND, `the configuration has nothing at "${formatPointer(names)}"`);
  }
  const found = kindOf(value);
  if (found !== kind) {
    // The value is not repeated: it may be a secret.
    return fail(
      ErrorCode.TYPE_MISMATCH,
      `"${formatPointer(names)}" is ${named[found]}, and ${named[kind]} was asked for`,
    );
  }
  return { value: value as T, reason: reasonOf(document.state, document.providerState), flagMetadata };
}

function tryParse(key: string): string[] | SetpointError {
  try {
    return parseFlagKey(key);
  } catch (cause) {
    if (cause instanceof SetpointError) return cause;
    throw cause;
  }
}

const named: Readonly<Record<ReturnType<typeof kindOf>, string>> = {
  boolean: 'a boolean',
  string: 'a string',
  number: 'a number',
  object: 'an object',
  list: 'an array',
  null: 'null',
  'value without JSON form': 'a value without JSON form',
};

/** An object of a class, as a schema may make one, is none that JSON knows. */
export function kindOf(value: unknown): FlagKind | 'null' | 'value without JSON form' {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return 'number';
  if (Array.isArray(value)) return 'list';
  const prototype = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
  return prototype === Object.prototype || prototype === null ? 'object' : 'value without JSON form';
}

const reasons: Readonly<Record<ClientState, string>> = {
  starting: StandardResolutionReasons.UNKNOWN,
  waiting: StandardResolutionReasons.UNKNOWN,
  live: StandardResolutionReasons.STATIC,
  cache: StandardResolutionReasons.CACHED,
  defaults: StandardResolutionReasons.DEFAULT,
  stopped: StandardResolutionReasons.STALE,
};

/** A live document that may be behind says so; of a kept one and of defaults their origin says it already. */
const reasonOf = (state: ClientState, providerState: ProviderState): string =>
  state === 'live' && providerState !== 'READY' ? StandardResolutionReasons.STALE : reasons[state];

function describe({ state, stamp }: FlagDocument): Record<string, string | number> {
  return { source: state, ...(stamp && { version: stamp.version, epoch: stamp.epoch }) };
}
