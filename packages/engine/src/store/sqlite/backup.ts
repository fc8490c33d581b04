import { mkdirSync, read, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Backup } from '../store.ts';
import { checkpointPages, type StoreFile } from './database-file.ts';
import { fileTime, removeWithLogs, syncPath } from './disk-files.ts';
import { readPragma } from './migrations.ts';

const readAt = promisify(read);

/** Bytes that are copied at once. */
const chunkBytes = 1 << 20;

/**
 * Copies an open database to the folder `backups` beside it, as it is now: while the copy is made, what is written goes
 * to the log alone. What has the final name is whole and on the disk.
 */
export async function backUp(store: StoreFile, commitCount: number, nowMs: number): Promise<Backup> {
  const { db, path } = store;
  const folder = join(dirname(path), 'backups');
  const [extension, stem] = [extname(path), basename(path, extname(path))];
  const partial = join(folder, `${stem}.partial`);
  const file = `${stem}-${fileTime(nowMs)}-commit-${commitCount}${extension}`;
  const bytes = stopCheckpoints(store);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    removeWithLogs(partial);
    await copy(store.reader(), partial, bytes);
    renameSync(partial, join(folder, file));
    syncPath(folder);
    return { file, bytes };
  } catch (error) {
    removeWithLogs(partial);
    throw error;
  } finally {
    db.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
  }
}

/** Brings all into the file itself, which then stays as it is. Returns its size. */
function stopCheckpoints({ db }: StoreFile): number {
  db.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0');
  return readPragma(db, 'page_count') * readPragma(db, 'page_size');
}

async function copy(source: number, path: string, bytes: number): Promise<void> {
  // It holds secrets: private before anything is in it.
  await using target = await open(path, 'wx', 0o600);
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await readAt(source, buffer, 0, Math.min(chunkBytes, bytes - at), at);
    if (bytesRead === 0) throw new Error(`the database ends after ${at} of ${bytes} bytes`);
    // Without a log beside it, so that it can be read where nobody may write.
    // https://sqlite.org/fileformat2.html#file_format_version_numbers
    if (at === 0) buffer.fill(1, 18, 20);
    await target.writeFile(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  await target.sync();
}
