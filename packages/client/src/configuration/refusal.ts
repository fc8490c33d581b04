import {
  type Fault,
  isWithin,
  mask,
  type Pointer,
  readPointer,
  SetpointError,
  type Snapshot,
} from '@setpoint/protocol';

/** The text of anything that user code may throw. Never throws itself. */
export function textOf(cause: unknown): string {
  try {
    const said: unknown = cause instanceof Error ? (cause.message ?? cause.name) : cause;
    if (typeof said === 'string') return said;
    const text = String(said);
    return text.startsWith('[object ') ? JSON.stringify(said) : text;
  } catch {
    return 'something that has no text';
  }
}

export function isSetpointError(cause: unknown): cause is SetpointError {
  try {
    return cause instanceof SetpointError;
  } catch {
    return false;
  }
}

/** Turns whatever a schema threw into a SetpointError. */
export const toRefusal = (cause: unknown): SetpointError =>
  isSetpointError(cause)
    ? cause
    : new SetpointError('document_invalid', `the schema of this build threw: ${nameOf(cause)}${textOf(cause)}`, {
        cause,
      });

/** Turns whatever a handler or listener threw into a SetpointError. */
export const toHandlerFailure = (cause: unknown): SetpointError =>
  isSetpointError(cause) ? cause : new SetpointError('handler_failed', textOf(cause), { cause });

/** Shorter secrets are not masked: they would match ordinary words. */
const shortestSecret = 4;
/** Bounds what one error adds to every health report of this process, and to the authority's messages. */
export const maxFaults = 50;
/** Characters of a message, and of one of its faults. */
const maxMessageLength = 4000;
const maxFaultLength = 500;

/** Masks the secrets of these snapshots in an error: what a handler or a schema throws may repeat a value. */
export function maskSecrets(
  error: SetpointError,
  snapshots: readonly (Pick<Snapshot, 'values' | 'secrets'> | undefined)[],
): SetpointError {
  const secrets = snapshots
    .flatMap((snapshot) =>
      (snapshot?.secrets ?? []).flatMap((pointer) => {
        const value = readPointer(snapshot?.values ?? {}, pointer);
        return [...textsIn(value), ...namesIn(value)];
      }),
    )
    // Longest first: one secret may begin with another.
    .sort((a, b) => b.length - a.length);
  const places = snapshots.flatMap((snapshot) => snapshot?.secrets ?? []);
  const inside = insideOf(error.faults, places);
  const clean = (text: string): string => {
    const placed = inside.reduce((result, [pointer, place]) => result.replaceAll(pointer, place), text);
    return secrets.reduce(
      (result, secret) => result.replaceAll(secret, secret.startsWith('"') ? `"${mask}"` : mask),
      placed,
    );
  };
  const faults = error.faults.map((fault) => ({
    ...fault,
    pointer: placeOf(fault.pointer, places),
    message: clip(clean(textOf(fault.message)), maxFaultLength),
  }));
  const masked = new SetpointError(error.code, clip(clean(textOf(error)), maxMessageLength), { faults });
  // The stack of the handler is what its author needs.
  const stack = stackOf(error.cause) ?? stackOf(error);
  if (stack !== undefined) masked.stack = clean(stack);
  return masked;
}

function stackOf(cause: unknown): string | undefined {
  try {
    return cause instanceof Error && typeof cause.stack === 'string' ? cause.stack : undefined;
  } catch {
    return undefined;
  }
}

/** The prefix by which an error names its class. */
function nameOf(cause: unknown): string {
  try {
    return cause instanceof Error ? `${cause.name}: ` : '';
  } catch {
    return '';
  }
}

/** Shortens a pointer inside a secret to the secret itself: names of its members may be secret too. */
const placeOf = (pointer: Pointer, places: readonly Pointer[]): Pointer =>
  places.find((place) => isWithin(pointer, place)) ?? pointer;

/** Pointers inside secrets with the secret's own pointer, longest first: one may begin with another. */
const insideOf = (faults: readonly Fault[], places: readonly Pointer[]): (readonly [Pointer, Pointer])[] =>
  faults
    .map(({ pointer }) => [pointer, placeOf(pointer, places)] as const)
    .filter(([pointer, place]) => pointer !== place)
    .sort(([a], [b]) => b.length - a.length);

/** Member names in quotes, as messages show them: without the quotes, a word like "host" would be masked everywhere. */
function namesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = Array.isArray(value) ? [] : Object.keys(value).map((name) => JSON.stringify(name));
  return [...own, ...Object.values(value).flatMap(namesIn)];
}

/** Values as plain text and as JSON writes them. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(textsIn);
  if (typeof value !== 'string' && typeof value !== 'number') return [];
  const text = String(value);
  return text.length < shortestSecret ? [] : [text, JSON.stringify(text).slice(1, -1)];
}

const clip = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
