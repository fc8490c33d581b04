import type { Quarantine } from '../last-good/crash-loop-guard.ts';
import type { LastGood, LastGoodOptions } from '../last-good/last-good-file.ts';

/** Where what is kept for the next page is, however it was said. */
export const keptAt = (directory: string): string => directory;

/**
 * What the next page of this origin finds, in its `localStorage`. Nothing is put in quarantine: a page that dies is not
 * started again by itself, and one that is left while it applies something has not died of it.
 */
export function openKept({ directory, prefix, service, authority }: LastGoodOptions): {
  readonly lastGood: LastGood;
  readonly quarantine: Quarantine | undefined;
} {
  const file = [directory, ...(prefix === '' ? [] : [prefix]), `${service}@${authority}`].join('/');
  const lastGood: LastGood = {
    file,
    async read() {
      const text = localStorage.getItem(file);
      return text === null ? undefined : new TextEncoder().encode(text);
    },
    adopt: async () => undefined,
    // For who puts in quarantine, and nobody does here.
    setAside: async () => undefined,
    readAside: async () => undefined,
    // What was opened is UTF-8, so the text has the same bytes again.
    write: async (bytes) => localStorage.setItem(file, new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)),
  };
  return { lastGood, quarantine: undefined };
}
