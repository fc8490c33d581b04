import { extname } from 'node:path';
import { isName } from '@setpoint/protocol';

export const documentEndings = ['.yaml', '.yml', '.json'] as const;
export const schemaEndings = ['.schema.json', '.schema.ts', '.schema.mjs', '.schema.js'] as const;
/** A folder with more files of one service. */
export const folderEnding = '.d';

/** Editors' droppings and hidden files are passed over without a word. */
const isDropping = (name: string): boolean =>
  name.startsWith('.') || name.endsWith('~') || /\.(swp|tmp|bak)$/.test(name);

/** The service that a file or folder of this name is for; undefined where it is for none. */
export function serviceOf(name: string): string | undefined {
  const endings = [...schemaEndings, ...documentEndings, folderEnding];
  const ending = endings.find((candidate) => name.endsWith(candidate));
  if (ending === undefined || isDropping(name)) return undefined;
  const service = name.slice(0, -ending.length);
  return isName(service) ? service : undefined;
}

export const isDocument = (name: string): boolean =>
  !isDropping(name) && documentEndings.some((ending) => name.endsWith(ending));

/** Does the name look like one that is for a service, and is for none? What begins with "_" is for others to include. */
export const isStranger = (name: string): boolean =>
  !isDropping(name) &&
  !name.startsWith('_') &&
  (documentEndings as readonly string[]).includes(extname(name)) &&
  serviceOf(name) === undefined;
