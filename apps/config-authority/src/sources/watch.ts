import { type FSWatcher as FolderWatcher, realpathSync, watch as watchFolder } from 'node:fs';
import { dirname, join } from 'node:path';
import { watch } from 'chokidar';
import type { Logger } from 'pino';

/** Watches the folder of the services' files, and whatever these include from elsewhere. */
export interface SourceWatch {
  /** Watches these besides, whether they are there or not; absolute. */
  add(files: readonly string[]): void;
  /** Watches everything in this folder. */
  addFolder(folder: string): void;
  stop(): Promise<void>;
}

export interface SourceWatchOptions {
  /** Absolute. */
  readonly directory: string;
  /** Folders in it that are looked into. */
  readonly isFolder: (path: string) => boolean;
  readonly onEvent: (path: string) => void;
  /** Told of what appears in the folder itself. */
  readonly onAdded: (path: string) => void;
  readonly logger: Logger;
}

/** Resolves when every later change is seen. */
export async function startSourceWatch(options: SourceWatchOptions): Promise<SourceWatch> {
  const { directory, isFolder, onEvent, onAdded, logger } = options;
  /** Where the content of a file is, and under what name it was asked for. */
  const wanted = new Map<string, string>();
  const folders = new Map<string, FolderWatcher>();
  const onError = (cause: unknown): void =>
    logger.error({ err: cause, directory }, 'watching failed; restart to be sure that changes are seen');

  const inside = watch(directory, { ignoreInitial: true, depth: 0 });
  inside.on('all', (event, path) => {
    if (event === 'addDir' && isFolder(path)) addFolder(path);
    if (event === 'unlinkDir') removeFolder(path);
    onEvent(path);
  });
  inside.on('add', onAdded);
  inside.on('error', onError);
  await new Promise<void>((settle) => inside.once('ready', () => settle()));

  /** A folder tells of files that are replaced, too, and from the moment on that it is watched. */
  function addFolder(folder: string): void {
    if (folders.has(folder)) return;
    try {
      const watcher = watchFolder(folder, (_, name) => {
        if (name !== null) onChange(join(folder, name));
      });
      watcher.on('error', () => removeFolder(folder));
      folders.set(folder, watcher);
    } catch (cause) {
      // Tried again when the service is read again.
      logger.debug({ err: cause, folder }, 'a folder can not be watched');
    }
  }

  function removeFolder(folder: string): void {
    folders.get(folder)?.close();
    folders.delete(folder);
  }

  function onChange(path: string): void {
    const file = wanted.get(path);
    if (file !== undefined) onEvent(file);
    else if (isFolder(dirname(path))) onEvent(path);
  }

  function addOne(file: string): void {
    for (const path of new Set([file, linkedFrom(file)])) {
      // The folder itself is watched as a whole, and what its links lead to with it.
      if (dirname(file) === directory) return;
      wanted.set(path, file);
      addFolder(dirname(path));
    }
  }

  return {
    addFolder,
    add(files) {
      for (const file of files) addOne(file);
    },
    async stop() {
      for (const folder of [...folders.keys()]) removeFolder(folder);
      await inside.close();
    },
  };
}

/** Where a file is that may be a link, or in a folder that is one. */
function linkedFrom(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
