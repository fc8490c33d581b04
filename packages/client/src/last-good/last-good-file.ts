import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Keeps the last good snapshot on disk, as the bytes that were received, so that it can be verified again. */
export interface LastGood {
  readonly file: string;
  /** The bytes; undefined where there are none. Throws what the file system says otherwise. */
  read(): Promise<Uint8Array | undefined>;
  /** What was read is of this service: where its file has the name of an earlier release, it gets the present one. */
  adopt(): Promise<void>;
  /** Replaces them: after a crash there are the old ones or the new ones, never a mixture. */
  write(bytes: Uint8Array): Promise<void>;
  /** Keeps what is there besides what is written next: in place of what was set aside before, or where that is nothing. */
  setAside(replaces: boolean): Promise<void>;
  /** The bytes that were set aside, like `read`. */
  readAside(): Promise<Uint8Array | undefined>;
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
  const asideFile = `${file}.before`;
  const formerFile = join(folder, `${service}.json`);
  let isFolderMade = false;
  let isFormer = false;
  let isTidy = false;
  return {
    file,
    async read() {
      if (!isTidy) await removeDrafts(file);
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
    async setAside(replaces) {
      // A second name for the same bytes, which are on disk already.
      if (!replaces) return link(file, asideFile).catch(unlessNamed('ENOENT', 'EEXIST'));
      const draft = `${file}.${randomUUID()}`;
      try {
        await link(file, draft);
        await rename(draft, asideFile);
      } catch (cause) {
        unlessNamed('ENOENT')(cause as NodeJS.ErrnoException);
      }
      // Two names of the same bytes are left as they are by a rename.
      await rm(draft, { force: true });
    },
    readAside: () => readIfThere(asideFile),
  };
}

/** A draft that is older was left by a process that died while it wrote. Milliseconds. */
const oldDraftMs = 60_000;
const draftEnding = /^\.[0-9a-f-]{36}$/;

/** What can't be removed stays: it harms nobody but the disk. */
async function removeDrafts(file: string): Promise<void> {
  const [folder, name] = [dirname(file), basename(file)];
  const names = await readdir(folder).catch(() => []);
  const drafts = names.filter((each) => each.startsWith(name) && draftEnding.test(each.slice(name.length)));
  for (const draft of drafts) {
    try {
      const { mtimeMs } = await stat(join(folder, draft));
      if (Date.now() - mtimeMs > oldDraftMs) await rm(join(folder, draft), { force: true });
    } catch {
      // Another process was quicker, or may not be written to.
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
