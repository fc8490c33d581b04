import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Keeps the last good snapshot on disk as the bytes that were received, so that the next start can verify it again. */
export interface LastGoodFile {
  readonly file: string;
  /** Returns the kept bytes; undefined if there are none. Throws what the file system throws. */
  read(): Promise<Uint8Array | undefined>;
  /** Call when what was read belongs to this service: renames a file that an earlier release named. */
  adopt(): Promise<void>;
  /** Replaces the bytes: after a crash there are the old ones or the new ones, never a mixture. */
  write(bytes: Uint8Array): Promise<void>;
  /** Keeps the present bytes beside those written next. `replaces`: also if something was set aside before. */
  setAside(replaces: boolean): Promise<void>;
  /** Returns the bytes that were set aside, like `read`. */
  readAside(): Promise<Uint8Array | undefined>;
}

export interface LastGoodFileOptions {
  readonly directory: string;
  readonly prefix: string;
  readonly service: string;
  readonly authority: string;
}

/**
 * The file is `directory`/`prefix`/`service`@`authority`.json, readable by its owner alone because it holds the secrets
 * of the service. No name contains an "@", so two authorities that share a folder never share a file.
 */
export function createLastGoodFile({ directory, prefix, service, authority }: LastGoodFileOptions): LastGoodFile {
  const folder = join(directory, ...prefix.split('/'));
  const file = join(folder, `${service}@${authority}.json`);
  const asideFile = `${file}.before`;
  const formerFile = join(folder, `${service}.json`);
  let isFolderMade = false;
  let isFormer = false;
  let isTidy = false;
  return {
    file,
    async read() {
      if (!isTidy) await removeOldTemporaries(file);
      isTidy = true;
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
      const temporary = `${file}.${randomUUID()}`;
      try {
        await writeDurably(temporary, bytes);
        await rename(temporary, file);
      } catch (cause) {
        isFolderMade = false;
        // A disk that refuses to write may also refuse to remove; the first failure is the one to report.
        await rm(temporary, { force: true }).catch(() => undefined);
        throw cause;
      }
    },
    async setAside(replaces) {
      // A hard link: a second name for bytes that are already on disk.
      if (!replaces) return link(file, asideFile).catch(unlessNamed('ENOENT', 'EEXIST'));
      const temporary = `${file}.${randomUUID()}`;
      try {
        await link(file, temporary);
        await rename(temporary, asideFile);
      } catch (cause) {
        unlessNamed('ENOENT')(cause as NodeJS.ErrnoException);
      }
      // A rename between two links to the same file does nothing, so the temporary name may still be there.
      await rm(temporary, { force: true });
    },
    readAside: () => readIfThere(asideFile),
  };
}

/** An older temporary file was left by a process that died while it wrote. Milliseconds. */
const oldTemporaryMs = 60_000;
const temporaryEnding = /^\.[0-9a-f-]{36}$/;

/** Removes what earlier processes left. A file that can't be removed stays; it only takes up space. */
async function removeOldTemporaries(file: string): Promise<void> {
  const [folder, name] = [dirname(file), basename(file)];
  const names = await readdir(folder).catch(() => []);
  const temporaries = names.filter((each) => each.startsWith(name) && temporaryEnding.test(each.slice(name.length)));
  for (const temporary of temporaries) {
    try {
      const { mtimeMs } = await stat(join(folder, temporary));
      if (Date.now() - mtimeMs > oldTemporaryMs) await rm(join(folder, temporary), { force: true });
    } catch {
      // Another process removed it first, or its folder is read-only.
    }
  }
}

const unlessNamed =
  (...codes: readonly string[]) =>
  (cause: NodeJS.ErrnoException): void => {
    if (!codes.includes(cause.code ?? '')) throw cause;
  };

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
