import { readFile } from 'node:fs/promises';
import { CommandError } from '../exit-codes.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
};

/** @throws CommandError usage for a file that can't be read */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    throw new CommandError('usage', `can't read ${path}: ${reasons[code] ?? message}`, {
      code: 'file_unreadable',
      cause,
    });
  }
}
