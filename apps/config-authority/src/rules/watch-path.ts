import { watch } from 'chokidar';
import type { Logger } from 'pino';

/** Ends watching; resolves when what is being read has been taken in. */
export type StopWatching = () => Promise<void>;

/** A file counts as written when nothing has happened to it for this long. Milliseconds. */
const settleMs = 100;

/** Calls `read` at once, and again after each change of a file, or of the files of a folder. It need not be there. */
export async function watchPath(path: string, read: () => Promise<void>, logger: Logger): Promise<StopWatching> {
  let timer: NodeJS.Timeout | undefined;
  let reading = Promise.resolve();
  const watcher = watch(path, { ignoreInitial: true, depth: 0 });
  watcher.on('error', (cause) =>
    logger.error({ err: cause, path }, 'watching failed; restart to be sure that changes are seen'),
  );
  await new Promise<void>((settle) => watcher.once('ready', () => settle()));
  watcher.on('all', () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      reading = reading.then(read).catch((cause) => logger.error({ err: cause, path }, 'it could not be read'));
    }, settleMs);
  });
  await read();
  return async () => {
    await watcher.close();
    clearTimeout(timer);
    await reading;
  };
}
