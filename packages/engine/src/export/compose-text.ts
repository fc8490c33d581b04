import { environmentSettings } from './environment-settings.ts';
import type { RedactedSource } from './export-source.ts';
import { commentLines, createOriginOf, headerLines, originText } from './origin-text.ts';
import { yamlText } from './yaml-text.ts';

/** The variables of a service as a part of a Docker Compose file. */
export function composeText(source: RedactedSource): string {
  const originOf = createOriginOf(source.explanation);
  const settings = environmentSettings(source.service, source.values, isVariable);
  const lines = settings.map(({ name, text, pointer }) => {
    const origin = originOf(pointer);
    return `      ${name}: ${quoteCompose(text)}${origin ? ` # ${originText(origin)}` : ''}`;
  });
  const service = yamlText(source.service);
  return `${[...commentLines(headerLines(source)), 'services:', `  ${service}:`, '    environment:', ...lines].join('\n')}\n`;
}

/** No process can be given another text than this. */
const isVariable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** "$" begins the name of a variable in all of a Compose file, quoted or not; anything but text is refused there. */
const quoteCompose = (text: string): string => {
  const quoted = yamlText(text.replaceAll('$', '$$$$'));
  return quoted.startsWith('"') ? quoted : `"${quoted}"`;
};
