/** A connection shorter than this is suspicious. Milliseconds. */
const shortMs = 5000;

const suspiciousInARow = 3;

/**
 * Notices two clients with the same client id, which disconnect each other for ever. MQTT 3.1.1 gives no reason, so the
 * only sign is one short connection after the other.
 */
export class ShortSessions {
  #inARow = 0;

  /** Returns a hint to add to the report of the loss, or an empty text. */
  ended(durationMs: number): string {
    this.#inARow = durationMs < shortMs ? this.#inARow + 1 : 0;
    if (this.#inARow < suspiciousInARow) return '';
    return `; ${this.#inARow} connections in a row were this short: does another client use the same client id? Give each process its own`;
  }
}
