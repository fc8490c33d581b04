import { access, readdir } from 'node:fs/promises';
import { SetpointError } from '@setpoint/protocol';
import { readRegularFile } from '../regular-file.ts';

/**
 * The text of a file; undefined where there is none.
 * @throws SetpointError `file_invalid` for one that is there and can't be read
 */
export const readIfThere = (file: string): Promise<string | undefined> =>
  readRegularFile(file).catch((cause) => noneOr(cause, file));

/** The names in a folder, sorted; none where there is no such folder. */
export async function listIfThere(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((cause) => noneOr(cause, folder));
  return [...(names ?? [])].sort();
}

export const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

function noneOr(cause: NodeJS.ErrnoException, file: string): undefined {
  const { code } = cause;
  if (code === 'ENOENT') return undefined;
  const message = `can't be read (${code})`;
  throw new SetpointError('file_invalid', message, { cause, faults: [{ pointer: '', message, file, line: 1 }] });
}
