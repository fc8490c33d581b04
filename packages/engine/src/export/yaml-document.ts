import { isJsonObject, mask, readPointer } from '@setpoint/protocol';
import type { RedactedSource } from './export-source.ts';
import { commentLines, createOriginOf, headerLines, originText } from './origin-text.ts';
import { type CommentOf, yamlLines } from './yaml-text.ts';

/** The document as YAML, behind each value where it comes from. */
export function yamlDocument(source: RedactedSource): string {
  const notes = source.secrets.length === 0 ? [] : [`a secret is written as ${mask}; an import keeps the present one`];
  const header = commentLines([...headerLines(source), ...notes]);
  return `${[...header, '', ...yamlLines(source.values, createComments(source))].join('\n')}\n`;
}

/** A section comes from several places: what is said of it is said of each value in it. */
function createComments({ values, explanation }: RedactedSource): CommentOf {
  const originOf = createOriginOf(explanation);
  return (pointer) => {
    const origin = originOf(pointer);
    if (!origin) return '';
    const value = readPointer(values, pointer);
    const isSection = isJsonObject(value) && Object.keys(value).length > 0;
    return isSection && origin.pointer !== pointer ? '' : ` # ${originText(origin)}`;
  };
}
