import { SetpointError } from '@setpoint/protocol';
import { readOwner } from './owner-note.ts';

/** Our statements never change, so one that does not compile has met tables that are not ours. */
const otherSchema = 1;
export const busy = 5;
const corrupt = 11;
const notADatabase = 26;

/** The error that a failure to open the file is to the caller. */
export function openingError(path: string, cause: unknown): SetpointError {
  if (cause instanceof SetpointError) return cause;
  if (sqliteCode(cause) === busy) return locked(path, cause);
  return isDamage(cause) ? damaged(path, cause) : unavailable(path, cause);
}

export const isDamage = (cause: unknown): boolean =>
  [otherSchema, corrupt, notADatabase].includes(sqliteCode(cause) ?? 0);

/** The primary result code of SQLite; undefined for an error that is not of SQLite. */
export function sqliteCode(cause: unknown): number | undefined {
  if (!(cause instanceof Error && 'errcode' in cause)) return undefined;
  // Extended codes carry the primary one in the low byte.
  return Number(cause.errcode) & 0xff;
}

export const describe = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

function locked(path: string, cause: unknown): SetpointError {
  return new SetpointError(
    'store_locked',
    `${path} is open in ${readOwner(path)}: only one authority may write to a store. ` +
      'Stop that process, or give this one a file of its own',
    { cause },
  );
}

export function damaged(path: string, cause: unknown): SetpointError {
  return new SetpointError(
    'store_damaged',
    `${path} is damaged (${describe(cause)}): restore a backup of it, or move it away together with ` +
      `${path}-wal to start a new epoch`,
    { cause },
  );
}

export function unavailable(path: string, cause: unknown): SetpointError {
  return new SetpointError(
    'store_unavailable',
    `${path} could not be opened (${describe(cause)}): its folder must exist, this process must be allowed to ` +
      'write to both, and the disk must have room',
    { cause },
  );
}
