import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** What the text of a file may measure: no document of a file that is larger would fit a message. Bytes. */
const maxFileBytes = 32 * 1_048_576;

/**
 * The text of a regular file. Opening a pipe waits for somebody who writes to it, and a device has no end: neither is read.
 * @throws Error with the `code` of the file system, `NOT_A_FILE` or `TOO_LARGE`
 */
export async function readRegularFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw coded('EISDIR', `${path} is a folder`);
    if (!stat.isFile()) throw coded('NOT_A_FILE', `${path} is a pipe or a device, and not a file`);
    if (stat.size > maxFileBytes) throw coded('TOO_LARGE', `${path} is larger than ${maxFileBytes / 1_048_576} MiB`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

const coded = (code: string, message: string): NodeJS.ErrnoException => Object.assign(new Error(message), { code });
