import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';

/** A moment in the name of a file. */
export const fileTime = (ms: number): string => new Date(ms).toISOString().replaceAll(/[-:.]/g, '');

/** Writes a file, or the names in a folder, through to the disk. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes a database with what SQLite and the store leave beside it. */
export function removeWithLogs(path: string): void {
  for (const suffix of ['', '-wal', '-journal', '-owner']) rmSync(path + suffix, { force: true });
}
