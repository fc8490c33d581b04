import { mask, readPointer, SetpointError, type Snapshot } from '@setpoint/protocol';

/** A schema of the user's may throw what it likes. */
export const toRefusal = (cause: unknown): SetpointError =>
  cause instanceof SetpointError
    ? cause
    : new SetpointError('document_invalid', `the schema of this build threw: ${String(cause)}`, { cause });

/** So may a handler of the user's. */
export const toFailure = (cause: unknown): SetpointError =>
  cause instanceof SetpointError
    ? cause
    : new SetpointError('handler_failed', cause instanceof Error ? cause.message : String(cause), { cause });

/** A shorter text would be found everywhere. */
const shortestSecret = 4;
/** What is wrong with a document goes into every report of this process, and from there into the authority's. */
export const maxFaults = 50;
/** Characters of a message, and of one of its faults. */
const maxMessageLength = 4000;
const maxFaultLength = 500;

/** What a handler or a schema throws may repeat a value; a secret one is taken out before anyone sees it. */
export function maskSecrets(error: SetpointError, snapshots: readonly (Snapshot | undefined)[]): SetpointError {
  const secrets = snapshots
    .flatMap((snapshot) =>
      (snapshot?.secrets ?? []).flatMap((pointer) => textsIn(readPointer(snapshot?.values ?? {}, pointer))),
    )
    // One may begin like another.
    .sort((a, b) => b.length - a.length);
  const clean = (text: string): string => secrets.reduce((result, secret) => result.replaceAll(secret, mask), text);
  const faults = error.faults.map((fault) => ({ ...fault, message: clip(clean(fault.message), maxFaultLength) }));
  const masked = new SetpointError(error.code, clip(clean(error.message), maxMessageLength), { faults });
  // The handler's own stack is what its author needs.
  const { stack } = error.cause instanceof Error ? error.cause : error;
  if (stack !== undefined) masked.stack = clean(stack);
  return masked;
}

/** As they are, and as JSON writes them. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(textsIn);
  if (typeof value !== 'string' && typeof value !== 'number') return [];
  const text = String(value);
  return text.length < shortestSecret ? [] : [text, JSON.stringify(text).slice(1, -1)];
}

const clip = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
