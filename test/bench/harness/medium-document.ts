import type { z } from 'zod';
import { largeDocument, type largeSchema } from './documents.ts';

const entries = 106;

/** 100 KB of JSON, of the schema of the large one. */
export function mediumDocument(): z.output<typeof largeSchema> {
  const large = largeDocument();
  return { ...large, entries: Object.fromEntries(Object.entries(large.entries).slice(0, entries)) };
}
