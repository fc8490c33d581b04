import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';

/** Says why a file may not be read as configuration; undefined when it may. */
export type RefuseFile = (file: string) => Promise<string | undefined>;

export interface AllowedFilesOptions {
  /** The folder of the services' files. */
  readonly directory: string;
  /** Other folders that files may be included from, or linked to. */
  readonly includeDirs: readonly string[];
  /** Folders of the authority's own, with its keys: never read, wherever they lie. */
  readonly ownDirs: readonly string[];
}

/** Links are followed first: what counts is where a file lies. What is not there is allowed, and found missing later. */
export function createRefuseFile({ directory, includeDirs, ownDirs }: AllowedFilesOptions): RefuseFile {
  return async (file) => {
    const place = await realpath(file).catch(() => undefined);
    if (place === undefined) return undefined;
    const isWithinAny = async (folders: readonly string[]): Promise<boolean> =>
      (await Promise.all(folders.map((folder) => isWithin(folder, place)))).includes(true);
    if (await isWithinAny(ownDirs))
      return `${file} lies in the data folder of the authority, which is never configuration`;
    if (await isWithinAny([directory, ...includeDirs])) return undefined;
    return `${file} lies outside the configuration folder; allow its folder with SETPOINT_INCLUDE_DIRS`;
  };
}

async function isWithin(folder: string, place: string): Promise<boolean> {
  const root = await realpath(folder).catch(() => resolve(folder));
  const way = relative(root, place);
  // Another drive of Windows has no relative way.
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
