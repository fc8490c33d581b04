import {
  appendToken,
  type Difference,
  type Fault,
  isJsonObject,
  type JsonValue,
  mask,
  type Pointer,
} from '@setpoint/protocol';
import { createOverlapTest } from '../document/overlap.ts';

/** Tells whether a place is a secret, lies in one, or may hold one. */
export type SecretTest = (pointer: Pointer) => boolean;

export const isSecretIn = (secrets: readonly Pointer[]): SecretTest => createOverlapTest(secrets);

/** The fault without what stood at a secret place. */
export function redactFault(fault: Fault, isSecret: SecretTest): Fault {
  return fault.received === undefined || !isSecret(fault.pointer) ? fault : { ...fault, received: mask };
}

/** A difference with every secret in it masked; where both sides are masked, it still says that they differ. */
export function redactDifference({ pointer, before, after }: Difference, isSecret: SecretTest): Difference {
  return {
    pointer,
    ...(before !== undefined && { before: redactValue(before, pointer, isSecret) }),
    ...(after !== undefined && { after: redactValue(after, pointer, isSecret) }),
  };
}

/** Objects are opened as far as they hold a secret; anything else at a secret place is masked whole. */
export function redactValue(value: JsonValue, pointer: Pointer, isSecret: SecretTest): JsonValue {
  if (!isSecret(pointer)) return value;
  if (!isJsonObject(value)) return mask;
  const members = Object.entries(value).map(([key, member]) => [
    key,
    redactValue(member, appendToken(pointer, key), isSecret),
  ]);
  return Object.fromEntries(members);
}
