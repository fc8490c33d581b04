import type { Place } from './layer.ts';
import type { NamedText } from './named-texts.ts';

/** What begins the name of a variable that is a setting: `SETPOINT_CFG__<SERVICE>__<PATH>`. */
const prefix = 'SETPOINT_CFG__';

export interface Variable {
  readonly name: string;
  readonly text: string;
  readonly place: Place;
}

export interface EnvironmentTexts {
  readonly byService: ReadonlyMap<string, readonly NamedText[]>;
  /** Variables whose name begins as one of ours and leads to no service. */
  readonly strangers: readonly string[];
}

/**
 * Sorts variables by the service that they name. Case does not count, "_" in a name stands for "-" too, and "__" is
 * between levels.
 */
export function readVariables(variables: Iterable<Variable>, services: readonly string[]): EnvironmentTexts {
  // The longest first: a name may begin as another does.
  const known = services
    .map((service) => ({ service, start: `${fold(service)}__` }))
    .sort((a, b) => b.start.length - a.start.length);
  const byService = new Map<string, NamedText[]>();
  const strangers: string[] = [];
  for (const { name, text, place } of variables) {
    if (!name.toUpperCase().startsWith(prefix)) continue;
    const rest = name.slice(prefix.length);
    const found = known.find(({ start }) => fold(rest).startsWith(start));
    if (!found) {
      strangers.push(name);
      continue;
    }
    const path = rest.slice(found.start.length).split('__');
    const texts = byService.get(found.service) ?? [];
    texts.push({ path, isLoose: true, text, place });
    byService.set(found.service, texts);
  }
  return { byService, strangers };
}

const fold = (name: string): string => name.toLowerCase().replaceAll('-', '_');

/** The variables of a process. */
export const environmentVariables = (environment: Readonly<Record<string, string | undefined>>): Variable[] =>
  Object.entries(environment).flatMap(([name, text]) => (text === undefined ? [] : [{ name, text, place: { name } }]));
