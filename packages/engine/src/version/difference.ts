import { changedPointers, type Difference, type JsonObject, readPointer } from '@setpoint/protocol';
import { redactDifference, type SecretTest } from '../redact.ts';

/** A document to be compared, and what in it is secret. */
export interface ComparedSide {
  readonly values: JsonObject;
  readonly isSecret: SecretTest;
}

/** Only what differs, place by place; secrets are masked where either side knows of them. */
export function differencesBetween(before: ComparedSide, after: ComparedSide): Difference[] {
  return changedPointers(before.values, after.values).map((pointer) => {
    const [was, is] = [readPointer(before.values, pointer), readPointer(after.values, pointer)];
    const difference = { pointer, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) };
    return redactDifference(difference, (place) => before.isSecret(place) || after.isSecret(place));
  });
}
