import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FilledFile } from '@setpoint/authoring/template';
import { CommandError } from '../exit-codes.ts';

/** Undefined where there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new CommandError('usage', `can't read ${path}: ${message}`, { code: 'file_unreadable', cause });
  }
}

/** Which of these files are there already, with other content. */
export async function findOthers(folder: string, files: readonly FilledFile[]): Promise<string[]> {
  const present = await Promise.all(files.map(async ({ path }) => readIfThere(join(folder, path))));
  return files.filter(({ text }, i) => present[i] !== undefined && present[i] !== text).map(({ path }) => path);
}

/**
 * Writes files, and their folders.
 * @throws CommandError usage for one that can't be written, and without `force` for one that is there with other content
 */
export async function writeFiles(
  folder: string,
  files: readonly FilledFile[],
  { force }: { readonly force: boolean },
): Promise<void> {
  const others = force ? [] : await findOthers(folder, files);
  if (others.length > 0) {
    const what = others.length === 1 ? 'is' : 'are';
    throw new CommandError('usage', `${others.join(', ')} ${what} there already and would be lost; --force replaces`, {
      code: 'file_exists',
    });
  }
  for (const { path, text } of files) await write(join(folder, path), text);
}

async function write(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } catch (cause) {
    throw new CommandError('usage', `can't write ${path}: ${(cause as Error).message}`, {
      code: 'file_unwritable',
      cause,
    });
  }
}
