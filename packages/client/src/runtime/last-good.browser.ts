import type { ApplyingRecord } from '../last-good/crash-loop-guard.ts';
import type { LastGoodFile, LastGoodFileOptions } from '../last-good/last-good-file.ts';

/** The name under which `localStorage` keeps what the next page needs. */
export const resolveCacheDir = (directory: string): string => directory;

/**
 * Opens what is kept for the next page of this origin, in its `localStorage`. There is no crash-loop guard: a page that
 * dies is not restarted by itself, and a page that is left while it applies a version has not died of it.
 */
export function openLastGood({ directory, prefix, service, authority }: LastGoodFileOptions): {
  readonly lastGood: LastGoodFile;
  readonly applyingRecord: ApplyingRecord | undefined;
} {
  const file = [directory, ...(prefix === '' ? [] : [prefix]), `${service}@${authority}`].join('/');
  const lastGood: LastGoodFile = {
    file,
    async read() {
      const text = localStorage.getItem(file);
      return text === null ? undefined : new TextEncoder().encode(text);
    },
    adopt: async () => undefined,
    // Only the crash-loop guard needs an earlier snapshot.
    setAside: async () => undefined,
    readAside: async () => undefined,
    // A verified message is UTF-8, so decoding and encoding gives the same bytes again.
    write: async (bytes) => localStorage.setItem(file, new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)),
  };
  return { lastGood, applyingRecord: undefined };
}
