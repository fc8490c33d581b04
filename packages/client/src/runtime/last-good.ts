import { resolve } from 'node:path';
import { createApplyingRecord } from '../last-good/applying-record.ts';
import type { ApplyingRecord } from '../last-good/crash-loop-guard.ts';
import { createLastGoodFile, type LastGoodFile, type LastGoodFileOptions } from '../last-good/last-good-file.ts';

/** Makes a folder name independent of later changes of the working directory. */
export const resolveCacheDir = (directory: string): string => resolve(directory);

/** Opens what is kept for the next process, in files. `onFault` is called when the applying record can't be written. */
export function openLastGood(
  options: LastGoodFileOptions,
  onFault: (cause: unknown) => void,
): { readonly lastGood: LastGoodFile; readonly applyingRecord: ApplyingRecord | undefined } {
  const lastGood = createLastGoodFile(options);
  return { lastGood, applyingRecord: createApplyingRecord(`${lastGood.file}.applying`, onFault) };
}
