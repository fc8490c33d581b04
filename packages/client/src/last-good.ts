import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Keeps the last good snapshot on disk, as the bytes that were received, so that it can be verified again. */
export interface LastGood {
  readonly file: string;
  /** The bytes; undefined where there are none. Throws what the file system says otherwise. */
  read(): Promise<Uint8Array | undefined>;
  /** Replaces them: after a crash there are the old ones or the new ones, never a mixture. */
  write(bytes: Uint8Array): Promise<void>;
}

/** `directory`/`prefix`/`service`.json, readable by its owner alone: it holds the service's secrets. */
export function createLastGood(directory: string, prefix: string, service: string): LastGood {
  const file = join(directory, ...prefix.split('/'), `${service}.json`);
  let isFolderMade = false;
  return {
    file,
    read: () => readIfThere(file),
    async write(bytes) {
      if (!isFolderMade) await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      isFolderMade = true;
      const draft = `${file}.${randomUUID()}`;
      try {
        await writeDurably(draft, bytes);
        await rename(draft, file);
      } catch (cause) {
        isFolderMade = false;
        await rm(draft, { force: true });
        throw cause;
      }
    },
  };
}

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
