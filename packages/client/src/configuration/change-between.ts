import { changedPointers, isOverlapping, type Pointer, type Snapshot } from '@setpoint/protocol';
import type { Change } from '../transaction/transaction.ts';
import type { MadeDocument } from './document-maker.ts';

/** What a service is told of it. */
export function changeBetween<T>(before: MadeDocument<T>, next: MadeDocument<T>): Change<T> {
  const changed = changedPointers(before.values, next.values);
  return {
    current: next.document,
    previous: before.document,
    changed,
    restartRequired: next.snapshot ? coldPointers(changed, next.snapshot) : [],
    version: next.snapshot?.version ?? 0,
    previousVersion: before.snapshot?.version ?? 0,
    isReturn: false,
  };
}

/** Those that a running process can't take over. */
export const coldPointers = (changed: readonly Pointer[], { restartRequired }: Snapshot): Pointer[] =>
  changed.filter((pointer) => restartRequired.some((place) => isOverlapping(place, pointer)));
