import { environmentSettings } from './environment-settings.ts';
import type { RedactedSource } from './export-source.ts';
import { commentLines, createOriginOf, headerLines, originText } from './origin-text.ts';

/** The variables of a service as a dotenv file. */
export function dotenvText(source: RedactedSource): string {
  const originOf = createOriginOf(source.explanation);
  const settings = environmentSettings(source.service, source.values, (text) => quoteDotenv(text) !== undefined);
  const lines = settings.flatMap(({ name, text, pointer }) => {
    const origin = originOf(pointer);
    return [...(origin ? [`# ${originText(origin)}`] : []), `${name}=${quoteDotenv(text)}`];
  });
  return `${[...commentLines(headerLines(source)), '', ...lines].join('\n')}\n`;
}

/**
 * The text as every reader of dotenv files takes it. There are three kinds of quotes and no way to write one of them
 * inside itself; what a backslash or a carriage return is differs from reader to reader. Undefined for a text that
 * fits into none.
 */
function quoteDotenv(text: string): string | undefined {
  if (/[\0\r]|\\$/.test(text) || !text.isWellFormed()) return undefined;
  if (!text.includes("'")) return `'${text}'`;
  if (!/["\\]/.test(text)) return `"${text.replaceAll('\n', '\\n')}"`;
  return text.includes('`') ? undefined : `\`${text}\``;
}
