import type { z } from 'zod';
import type { Envelope } from '../envelope/envelope.ts';
import { type OpenedEnvelope, type OpenOptions, openEnvelope } from '../envelope/open-envelope.ts';
import type { KeyRole } from '../keys.ts';
import { formatPointer } from '../pointer.ts';
import { SetpointError } from '../problem.ts';
import { type Contract, contractSchema, contractType } from './contract.ts';
import { type Convergence, convergenceSchema, convergenceType } from './convergence.ts';
import { type Health, healthSchema, healthType } from './health.ts';
import { type Keepalive, keepaliveSchema, keepaliveType } from './keepalive.ts';
import { type Request, requestSchema, requestType } from './request.ts';
import { type Result, resultSchema, resultType } from './result.ts';
import { type Snapshot, snapshotSchema, snapshotType } from './snapshot.ts';

/** Every message of the wire: its `type`, what its `data` is, and who may sign it. */
export interface Messages {
  readonly [snapshotType]: Snapshot;
  readonly [contractType]: Contract;
  readonly [requestType]: Request;
  readonly [resultType]: Result;
  readonly [convergenceType]: Convergence;
  readonly [healthType]: Health;
  readonly [keepaliveType]: Keepalive;
}
export type MessageType = keyof Messages;

export const messageSchemas: { readonly [Type in MessageType]: z.ZodType<Messages[Type]> } = {
  [snapshotType]: snapshotSchema,
  [contractType]: contractSchema,
  [requestType]: requestSchema,
  [resultType]: resultSchema,
  [convergenceType]: convergenceSchema,
  [healthType]: healthSchema,
  [keepaliveType]: keepaliveSchema,
};

const signedBy: { readonly [Type in MessageType]?: KeyRole } = {
  [snapshotType]: 'authority',
  [resultType]: 'authority',
  [requestType]: 'operator',
};

export interface OpenedMessage<Data> {
  readonly envelope: Envelope;
  readonly data: Data;
  readonly signedBy?: OpenedEnvelope['signedBy'];
}

/**
 * Opens a message of one type: signature, envelope, then `data` by its schema. The key ring is asked for the types
 * that are signed (snapshot, result, request) and ignored for the others. Members of `data` that this version does not know
 * are dropped.
 * @throws SetpointError those of `openEnvelope`, and `message_unexpected` for another type, data that does not fit, or
 * data of another service than the envelope's subject
 */
export function openMessage<Type extends MessageType>(
  type: Type,
  bytes: Uint8Array,
  options: Omit<OpenOptions, 'role'>,
): OpenedMessage<Messages[Type]> {
  const role = signedBy[type];
  const opened = openEnvelope(bytes, role ? { ...options, role } : { ...options, keys: undefined, role: 'authority' });
  return { ...opened, data: parseData(type, opened.envelope) };
}

/** A message of nothing but faults must not become an error many times its size. */
const maxFaults = 100;

/** The same for who has no use for the reason: undefined where the message can't be opened. */
export function tryOpenMessage<Type extends MessageType>(
  type: Type,
  bytes: Uint8Array,
  options: Parameters<typeof openMessage>[2],
): OpenedMessage<Messages[Type]> | undefined {
  try {
    return openMessage(type, bytes, options);
  } catch (cause) {
    if (cause instanceof SetpointError) return undefined;
    throw cause;
  }
}

/** @throws SetpointError `message_unexpected` */
export function parseData<Type extends MessageType>(type: Type, envelope: Envelope): Messages[Type] {
  if (envelope.type !== type) {
    throw new SetpointError('message_unexpected', `expected a ${type}, received a message of type ${envelope.type}`);
  }
  const { success, data, error } = messageSchemas[type].safeParse(envelope.data);
  if (!success) throw createMisfit(type, error.issues);
  // The signing key was judged by the subject, so data must not speak of another service.
  if ('service' in data && data.service !== envelope.subject) {
    throw new SetpointError(
      'message_unexpected',
      `a ${type} of ${envelope.subject} carries data of ${data.service}; subject and service must be the same`,
    );
  }
  return data;
}

function createMisfit(type: MessageType, issues: readonly z.core.$ZodIssue[]): SetpointError {
  const faults = issues.slice(0, maxFaults).map(({ path, message }) => ({
    pointer: formatPointer(path.map(String)),
    message,
  }));
  const named = faults.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
  const rest = issues.length > maxFaults ? `; and ${issues.length - maxFaults} more` : '';
  return new SetpointError('message_unexpected', `the data of a ${type} does not fit: ${named}${rest}`, { faults });
}
