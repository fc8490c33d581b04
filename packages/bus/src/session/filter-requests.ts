import type { FilterState } from './subscriptions.ts';

/** A filter is sent alone once this many connections in a row have closed while the broker owed it an answer. */
const suspectAfterCloses = 2;

/** A filter counts as refused, and is left out for a while, after this many. */
const refusedAfterCloses = 3;

/** How long it is left out at first; each further close doubles it. Milliseconds. */
const firstRestMs = 1000;
const longestRestMs = 60_000;

interface Trouble {
  readonly closes: number;
  restsUntilMs: number;
}

/**
 * Decides which filters to ask the broker for, and when. Pure: it has no clock and no connection.
 *
 * Some brokers answer a SUBSCRIBE that they don't allow by closing the connection (AWS IoT, aedes), which would
 * take every other subscription down at each reconnect. So filters that were unanswered at two closes in a row are
 * asked for last and one at a time, and the one that closes the connection once more is left out: for a second, then for
 * twice as long each time, up to a minute. A bad network closes connections too, and what it makes a filter wait for is
 * short; a broker that means it is asked ever more rarely.
 */
export class FilterRequests {
  /** Unanswered on this connection; a filter can be asked for again before its answer. */
  readonly #unanswered = new Map<FilterState, number>();
  readonly #troubles = new Map<FilterState, Trouble>();
  #suspects: FilterState[] = [];

  /** A new connection: returns the filters to ask for now, all at once. */
  opened(filters: Iterable<FilterState>, nowMs: number): FilterState[] {
    const atOnce: FilterState[] = [];
    this.#suspects = [];
    for (const state of filters) {
      const trouble = this.#troubles.get(state);
      if (!trouble || trouble.closes < suspectAfterCloses) atOnce.push(state);
      else if (trouble.restsUntilMs <= nowMs) this.#suspects.push(state);
    }
    this.#suspects.sort((a, b) => this.#closesOf(a) - this.#closesOf(b));
    return atOnce;
  }

  /** The filter is being asked for. */
  asked(state: FilterState): void {
    this.#unanswered.set(state, (this.#unanswered.get(state) ?? 0) + 1);
  }

  /** The broker has granted or refused it. */
  answered(state: FilterState): void {
    const left = (this.#unanswered.get(state) ?? 1) - 1;
    if (left > 0) this.#unanswered.set(state, left);
    else this.#unanswered.delete(state);
    this.#troubles.delete(state);
  }

  /** The filter has no subscription any more. */
  forget(state: FilterState): void {
    this.#unanswered.delete(state);
    this.#troubles.delete(state);
    this.#suspects = this.#suspects.filter((other) => other !== state);
  }

  /** Takes the next suspect, if it is alone. */
  nextSuspect(): FilterState | undefined {
    return this.#unanswered.size === 0 ? this.#suspects.shift() : undefined;
  }

  /**
   * The connection is gone. Returns the filters that now count as refused. With `blame` false the close had another
   * cause and counts against no filter.
   */
  closed(nowMs: number, blame: boolean): FilterState[] {
    const refused: FilterState[] = [];
    for (const state of blame ? this.#unanswered.keys() : []) {
      const trouble: Trouble = { closes: this.#closesOf(state) + 1, restsUntilMs: 0 };
      if (trouble.closes >= refusedAfterCloses) {
        const restMs = firstRestMs * 2 ** (trouble.closes - refusedAfterCloses);
        trouble.restsUntilMs = nowMs + Math.min(restMs, longestRestMs);
        refused.push(state);
      }
      this.#troubles.set(state, trouble);
    }
    this.#unanswered.clear();
    this.#suspects = [];
    return refused;
  }

  /** Takes the filters whose rest is over, to be asked for again one at a time. */
  rested(nowMs: number): void {
    for (const [state, trouble] of this.#troubles) {
      if (trouble.restsUntilMs === 0 || trouble.restsUntilMs > nowMs) continue;
      trouble.restsUntilMs = 0;
      if (!this.#suspects.includes(state)) this.#suspects.push(state);
    }
  }

  /** When `rested` has something to do next. */
  get nextRestEndMs(): number | undefined {
    let next: number | undefined;
    for (const { restsUntilMs } of this.#troubles.values()) {
      if (restsUntilMs > 0 && (next === undefined || restsUntilMs < next)) next = restsUntilMs;
    }
    return next;
  }

  #closesOf(state: FilterState): number {
    return this.#troubles.get(state)?.closes ?? 0;
  }
}
