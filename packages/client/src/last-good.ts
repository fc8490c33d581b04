import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Keeps the last good snapshot on disk, as the bytes that were received, so that it can be verified again. */
export interface LastGood {
  readonly file: string;
  /** The bytes; undefined where there are none. Throws what the file system says otherwise. */
  read(): Promise<Uint8Array | undefined>;
  /** What was read is of this service: where its file has the name of an earlier release, it gets the present one. */
  adopt(): Promise<void>;
  /** Replaces them: after a crash there are the old ones or the new ones, never a mixture. */
  write(bytes: Uint8Array): Promise<void>;
}

export interface LastGoodOptions {
  readonly directory: string;
  readonly prefix: string;
  readonly service: string;
  readonly authority: string;
}

/**
 * `directory`/`prefix`/`service`@`authority`.json, readable by its owner alone: it holds the service's secrets. No name
 * has an "@", so two authorities that share a folder never share a file.
 */
export function createLastGood({ directory, prefix, service, authority }: LastGoodOptions): LastGood {
  const folder = join(directory, ...prefix.split('/'));
  const file = join(folder, `${service}@${authority}.json`);
  const formerFile = join(folder, `${service}.json`);
  let isFolderMade = false;
  let isFormer = false;
  return {
    file,
    async read() {
      const bytes = await readIfThere(file);
      if (bytes) return bytes;
      const former = await readIfThere(formerFile);
      isFormer = former !== undefined;
      return former;
    },
    async adopt() {
      if (isFormer) await rename(formerFile, file);
    },
    async write(bytes) {
      if (!isFolderMade) await mkdir(folder, { recursive: true, mode: 0o700 });
      isFolderMade = true;
      const draft = `${file}.${randomUUID()}`;
      try {
        await writeDurably(draft, bytes);
        await rename(draft, file);
      } catch (cause) {
        isFolderMade = false;
        // A disk that refuses to write may also refuse to remove; what it refused first is what is told.
        await rm(draft, { force: true }).catch(() => undefined);
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
