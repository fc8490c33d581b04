import { changedPointers, isOverlapping, type Pointer, type Snapshot } from '@setpoint/protocol';
import type { Change } from '../transaction/handler-step.ts';
import type { ValidatedDocument } from './document-builder.ts';

/** The change from one document to the next, as handlers get it. */
export function changeBetween<T>(before: ValidatedDocument<T>, next: ValidatedDocument<T>): Change<T> {
  const changed = changedPointers(before.values, next.values);
  return {
    current: next.document,
    previous: before.document,
    changed,
    restartRequired: next.snapshot ? restartPointers(changed, next.snapshot) : [],
    version: next.snapshot?.version ?? 0,
    previousVersion: before.snapshot?.version ?? 0,
    isReturn: false,
  };
}

/** The changed settings that take effect only after a restart. */
export const restartPointers = (changed: readonly Pointer[], { restartRequired }: Snapshot): Pointer[] =>
  changed.filter((pointer) => restartRequired.some((place) => isOverlapping(place, pointer)));
