import { isOverlapping } from '@setpoint/protocol';
import type { HistoryFilter, VersionSummary } from './store.ts';

/** Has a version the author and the place that are asked for? `since` is asked of the store, which has the clock. */
export const matchesFilter = ({ snapshot, changed }: VersionSummary, { author, pointer }: HistoryFilter): boolean =>
  (author === undefined || snapshot.author === author) &&
  (pointer === undefined || changed.some((place) => isOverlapping(place, pointer)));

/** A moment in milliseconds, or one before which there is nothing. */
export const momentOf = (since: string | undefined): number =>
  since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
