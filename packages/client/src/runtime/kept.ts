import { resolve } from 'node:path';
import { createQuarantine, type Quarantine } from '../last-good/crash-loop-guard.ts';
import { createLastGood, type LastGood, type LastGoodOptions } from '../last-good/last-good-file.ts';

/** Where what is kept for the next process is, however it was said. */
export const keptAt = (directory: string): string => resolve(directory);

/** What the next process finds, in files. `onFault` is told where it could not be marked what is being applied. */
export function openKept(
  options: LastGoodOptions,
  onFault: (cause: unknown) => void,
): { readonly lastGood: LastGood; readonly quarantine: Quarantine | undefined } {
  const lastGood = createLastGood(options);
  return { lastGood, quarantine: createQuarantine(`${lastGood.file}.applying`, onFault) };
}
