import { changedPointers, type Difference, type JsonObject, readPointer } from '@setpoint/protocol';
import { leavesOf, placesOf } from '../document/leaf-settings.ts';
import { redactDifference, type SecretTest } from '../schema/redact.ts';

/** A document to be compared, and what in it is secret. */
export interface ComparedSide {
  readonly values: JsonObject;
  readonly isSecret: SecretTest;
  /** It came with the request, and may be a guess. @default false */
  readonly isGiven?: boolean;
}

/**
 * Only what differs, place by place; secrets are masked where either side knows of them. A secret that came with the
 * request is told whether it differs or not: else whoever may only read could guess it.
 */
export function differencesBetween(before: ComparedSide, after: ComparedSide): Difference[] {
  const isSecret: SecretTest = (pointer) => before.isSecret(pointer) || after.isSecret(pointer);
  const guessed = [before, after].flatMap((side) =>
    side.isGiven ? placesOf(leavesOf(side.values)).filter(isSecret) : [],
  );
  const isGuessed = new Set(guessed);
  const changed = changedPointers(before.values, after.values).filter((pointer) => !isGuessed.has(pointer));
  return [...changed, ...isGuessed].map((pointer) => {
    const [was, is] = [readPointer(before.values, pointer), readPointer(after.values, pointer)];
    const difference = { pointer, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) };
    return redactDifference(difference, isSecret);
  });
}
