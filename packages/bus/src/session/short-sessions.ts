/** A connection shorter than this is suspicious. */
const shortMs = 5000;

const suspiciousInARow = 3;

/**
 * Notices two clients with one client id that throw each other out for ever: MQTT 3.1.1 gives no reason, so all there
 * is to see is one short connection after the other.
 */
export class ShortSessions {
  #inARow = 0;

  /** Returns what to add to the report of the loss. */
  ended(durationMs: number): string {
    this.#inARow = durationMs < shortMs ? this.#inARow + 1 : 0;
    if (this.#inARow < suspiciousInARow) return '';
    return `; ${this.#inARow} connections in a row were this short: does another client use the same client id? Give each process its own`;
  }
}
