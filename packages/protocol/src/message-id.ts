import { v7 } from 'uuid';

const idBytes = 16;
/** Fetching chance for each id alone takes longer than all else that makes a message. */
const chance = new Uint8Array(256 * idBytes);
let used: number = chance.length;

/** A fresh UUIDv7. */
export function newMessageId(): string {
  if (used === chance.length) {
    crypto.getRandomValues(chance);
    used = 0;
  }
  used += idBytes;
  return v7({ random: chance.subarray(used - idBytes, used) });
}
