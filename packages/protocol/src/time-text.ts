import { z } from 'zod';

/** A moment as RFC 3339 text. With seconds, which zod before 4.5 did not ask for. */
export const timeText = ({ offset, error }: { readonly offset: boolean; readonly error: string }): z.ZodType<string> =>
  z.iso.datetime({ offset, error, abort: true }).refine(hasSeconds, error);

/** Of a text that zod takes for a moment. */
export const hasSeconds = (text: string): boolean => text[16] === ':';
