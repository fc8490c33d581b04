import type { Envelope } from '@setpoint/protocol';
import { createRecentPairs, type RecentPairs } from './recent-pairs.ts';

export interface DeduplicationOptions {
  /** How long a message is known after it was handled; 0 turns deduplication off. Milliseconds. */
  readonly ttlMs: number;
  /** How many are known at once; the oldest is forgotten first. */
  readonly maxEntries: number;
  /** A clock that never goes back. Milliseconds. */
  readonly now: () => number;
}

type Identity = Pick<Envelope, 'id' | 'source' | 'type' | 'sequence'>;

/**
 * Knows the messages that one handler has handled, by (source, id), which CloudEvents makes unique, and by
 * (type, source, sequence) where a message has a `sequence`: a sender that tries again under a fresh id is known by that.
 * Bounded by age and by count; a message that is forgotten would be taken for new.
 */
export interface Deduplication {
  has(message: Identity): boolean;
  /** To be called when the handler has succeeded, not before: one that failed may be tried again. */
  add(message: Identity): void;
}

export function createDeduplication({ ttlMs, maxEntries, now }: DeduplicationOptions): Deduplication {
  if (ttlMs <= 0) return { has: () => false, add: () => {} };
  const byId = createRecentPairs(ttlMs, maxEntries);
  // Most senders count nothing.
  let bySequence: RecentPairs | undefined;
  return {
    has(message) {
      const nowMs = now();
      if (byId.has(message.id, message.source, nowMs)) return true;
      if (message.sequence === undefined || !bySequence) return false;
      return bySequence.has(message.sequence, counterOf(message), nowMs);
    },
    add(message) {
      const nowMs = now();
      byId.add(message.id, message.source, nowMs);
      if (message.sequence === undefined) return;
      bySequence ??= createRecentPairs(ttlMs, maxEntries);
      bySequence.add(message.sequence, counterOf(message), nowMs);
    },
  };
}

// A text that holds the separator itself could only be taken for another one of the same sender.
const counterOf = ({ type, source }: Identity): string => `${type}\0${source}`;
