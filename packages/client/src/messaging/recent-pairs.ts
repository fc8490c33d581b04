/**
 * Knows the pairs of texts that were added last: no more than `maxEntries`, and none for longer than `ttlMs`. Made by
 * hand, because a message is looked up twice, and a `Set` of joined texts takes longer for it than JSON takes to parse. Bench row: 16 dispatch.
 */
export interface RecentPairs {
  has(text: string, owner: string, nowMs: number): boolean;
  /** Does nothing for a pair that is known: it is as old as it was. */
  add(text: string, owner: string, nowMs: number): void;
}

const fewest = 64;

/** A ring whose entries are found by a hash of `text`; those of one hash are chained. The oldest is overwritten. */
export function createRecentPairs(ttlMs: number, maxEntries: number): RecentPairs {
  // Not the same in every process, so that nobody can prepare texts that all are in one chain.
  const seed = Math.floor(Math.random() * 4_294_967_296);
  let ring = createRing(Math.min(fewest, maxEntries));
  let first = 0;
  let size = 0;
  let lastText = '';
  let lastHash = hashOf('', seed);

  function hash(text: string): number {
    if (text !== lastText) {
      lastText = text;
      lastHash = hashOf(text, seed);
    }
    return lastHash;
  }

  function find(text: string, owner: string): boolean {
    const { heads, next, hashes, texts, owners } = ring;
    const wanted = hash(text);
    for (let at = heads[wanted & (heads.length - 1)] as number; at !== none; at = next[at] as number) {
      if (hashes[at] === wanted && texts[at] === text && owners[at] === owner) return true;
    }
    return false;
  }

  function append(text: string, owner: string, nowMs: number): void {
    const at = (first + size) % ring.texts.length;
    const own = hash(text);
    const chain = own & (ring.heads.length - 1);
    ring.texts[at] = text;
    ring.owners[at] = owner;
    ring.times[at] = nowMs;
    ring.hashes[at] = own;
    ring.next[at] = ring.heads[chain] as number;
    ring.heads[chain] = at;
    size += 1;
  }

  function forget(): void {
    const { heads, next, hashes, texts, owners } = ring;
    const chain = (hashes[first] as number) & (heads.length - 1);
    if (heads[chain] === first) heads[chain] = next[first] as number;
    else {
      let before = heads[chain] as number;
      while (next[before] !== first) before = next[before] as number;
      next[before] = next[first] as number;
    }
    texts[first] = '';
    owners[first] = '';
    first = (first + 1) % texts.length;
    size -= 1;
  }

  function grow(): void {
    const before = ring;
    const from = first;
    const count = size;
    ring = createRing(Math.min(maxEntries, before.texts.length * 2));
    first = 0;
    size = 0;
    for (let i = 0; i < count; i += 1) {
      const at = (from + i) % before.texts.length;
      append(before.texts[at] as string, before.owners[at] as string, before.times[at] as number);
    }
  }

  function expire(nowMs: number): void {
    while (size > 0 && nowMs - (ring.times[first] as number) >= ttlMs) forget();
  }

  return {
    has(text, owner, nowMs) {
      expire(nowMs);
      return find(text, owner);
    },
    add(text, owner, nowMs) {
      expire(nowMs);
      if (find(text, owner)) return;
      if (size === maxEntries) forget();
      else if (size === ring.texts.length) grow();
      append(text, owner, nowMs);
    },
  };
}

const none = -1;

interface Ring {
  readonly texts: string[];
  readonly owners: string[];
  readonly times: Float64Array;
  readonly hashes: Int32Array;
  /** The next older entry of the same chain. */
  readonly next: Int32Array;
  /** The newest entry of every chain; a power of two of them. */
  readonly heads: Int32Array;
}

const createRing = (entries: number): Ring => ({
  texts: new Array<string>(entries).fill(''),
  owners: new Array<string>(entries).fill(''),
  times: new Float64Array(entries),
  hashes: new Int32Array(entries),
  next: new Int32Array(entries),
  heads: new Int32Array(2 ** Math.ceil(Math.log2(entries * 2))).fill(none),
});

/** FNV-1a over UTF-16 units. */
function hashOf(text: string, seed: number): number {
  let hash = seed | 0;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 16_777_619);
  // The low bits choose the chain, and depend on few of the high ones until here.
  return hash ^ (hash >>> 15);
}
