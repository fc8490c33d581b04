import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Notes which process has the file, for the error message of a second one. The lock does not depend on the note. */
export function writeOwner(path: string, nowMs: number): void {
  const owner = `process ${process.pid} on ${hostname()} since ${new Date(nowMs).toISOString()}`;
  try {
    writeFileSync(ownerPath(path), owner, { mode: 0o600 });
  } catch {
    // A message that says less is no reason not to start.
  }
}

/** The process that has the file, as it noted; "another process" if it noted nothing. */
export function readOwner(path: string): string {
  try {
    return readFileSync(ownerPath(path), 'utf8');
  } catch {
    return 'another process';
  }
}

const ownerPath = (path: string): string => `${path}-owner`;

/** To be called while the lock is still held: afterwards the note could be that of the next owner. */
export function removeOwner(path: string): void {
  try {
    rmSync(ownerPath(path));
  } catch {
    // It only ever names the last owner.
  }
}
