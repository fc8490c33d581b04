import {
  type Fault,
  isWithin,
  mask,
  type Pointer,
  readPointer,
  SetpointError,
  type Snapshot,
} from '@setpoint/protocol';

/** What was thrown, in words. Code of the user's may throw what it likes, and nothing here throws over it. */
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

/** A schema of the user's may throw what it likes. */
export const toRefusal = (cause: unknown): SetpointError =>
  isSetpointError(cause)
    ? cause
    : new SetpointError('document_invalid', `the schema of this build threw: ${nameOf(cause)}${textOf(cause)}`, {
        cause,
      });

/** So may a handler of the user's. */
export const toFailure = (cause: unknown): SetpointError =>
  isSetpointError(cause) ? cause : new SetpointError('handler_failed', textOf(cause), { cause });

/** A shorter text would be found everywhere. */
const shortestSecret = 4;
/** What is wrong with a document goes into every report of this process, and from there into the authority's. */
export const maxFaults = 50;
/** Characters of a message, and of one of its faults. */
const maxMessageLength = 4000;
const maxFaultLength = 500;

/** What a handler or a schema throws may repeat a value; a secret one is taken out before anyone sees it. */
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
    // One may begin like another.
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
  // The handler's own stack is what its author needs.
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

/** As an error says itself. */
function nameOf(cause: unknown): string {
  try {
    return cause instanceof Error ? `${cause.name}: ` : '';
  } catch {
    return '';
  }
}

/** The names of members of a secret may be secret as well: who they are for, say. */
const placeOf = (pointer: Pointer, places: readonly Pointer[]): Pointer =>
  places.find((place) => isWithin(pointer, place)) ?? pointer;

/** What is told by its place alone. Of two places, the one that begins like the other first. */
const insideOf = (faults: readonly Fault[], places: readonly Pointer[]): (readonly [Pointer, Pointer])[] =>
  faults
    .map(({ pointer }) => [pointer, placeOf(pointer, places)] as const)
    .filter(([pointer, place]) => pointer !== place)
    .sort(([a], [b]) => b.length - a.length);

/** As a message quotes them: without the quotes, a word as plain as "host" would be hidden everywhere. */
function namesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = Array.isArray(value) ? [] : Object.keys(value).map((name) => JSON.stringify(name));
  return [...own, ...Object.values(value).flatMap(namesIn)];
}

/** As they are, and as JSON writes them. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(textsIn);
  if (typeof value !== 'string' && typeof value !== 'number') return [];
  const text = String(value);
  return text.length < shortestSecret ? [] : [text, JSON.stringify(text).slice(1, -1)];
}

const clip = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
