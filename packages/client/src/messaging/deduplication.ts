import type { Envelope } from '@setpoint/protocol';

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
  const byId = createRecent(ttlMs, maxEntries);
  const bySequence = createRecent(ttlMs, maxEntries);
  return {
    has(message) {
      const nowMs = now();
      if (byId.has(idKey(message), nowMs)) return true;
      return message.sequence !== undefined && bySequence.has(sequenceKey(message), nowMs);
    },
    add(message) {
      const nowMs = now();
      byId.add(idKey(message), nowMs);
      if (message.sequence !== undefined) bySequence.add(sequenceKey(message), nowMs);
    },
  };
}

// A text that holds the separator itself could only be taken for another one of the same sender.
const idKey = ({ source, id }: Identity): string => `${source}\0${id}`;
const sequenceKey = ({ type, source, sequence }: Identity): string => `${type}\0${source}\0${sequence}`;

/** A ring of the last keys and their times; the oldest is overwritten. Reads and writes take the same time at any size. */
function createRecent(ttlMs: number, maxEntries: number) {
  const known = new Set<string>();
  const keys: string[] = [];
  const times: number[] = [];
  let first = 0;

  function forget(): void {
    known.delete(keys[first] as string);
    first = (first + 1) % maxEntries;
  }

  function expire(nowMs: number): void {
    while (known.size > 0 && nowMs - (times[first] as number) >= ttlMs) forget();
  }

  return {
    has(key: string, nowMs: number): boolean {
      expire(nowMs);
      return known.has(key);
    },
    add(key: string, nowMs: number): void {
      expire(nowMs);
      if (known.has(key)) return;
      if (known.size === maxEntries) forget();
      const place = (first + known.size) % maxEntries;
      keys[place] = key;
      times[place] = nowMs;
      known.add(key);
    },
  };
}
