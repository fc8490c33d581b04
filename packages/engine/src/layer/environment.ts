import type { Place } from './layer.ts';
import type { NamedText } from './named-texts.ts';

/** The names of variables that are settings begin with this: `SETPOINT_CFG__<SERVICE>__<PATH>`. */
const prefix = 'SETPOINT_CFG__';

export interface Variable {
  readonly name: string;
  readonly text: string;
  readonly place: Place;
}

export interface EnvironmentTexts {
  readonly byService: ReadonlyMap<string, readonly NamedText[]>;
  /** Variables whose names begin like those of settings and lead to no service. */
  readonly strangers: readonly string[];
}

/**
 * Sorts variables by the service that they name, `SETPOINT_CFG__<SERVICE>__<PATH>`. Case does not count, "_" in a name stands
 * for "-" too, and "__" separates levels.
 * @example
 * readVariables(environmentVariables(process.env), ['vad', 'stt-worker']);
 */
export function readVariables(variables: Iterable<Variable>, services: readonly string[]): EnvironmentTexts {
  // The longest name first, because one name may begin with another.
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

/**
 * The variables of a process that are set.
 * @example
 * environmentVariables(process.env);
 */
export const environmentVariables = (environment: Readonly<Record<string, string | undefined>>): Variable[] =>
  Object.entries(environment).flatMap(([name, text]) => (text === undefined ? [] : [{ name, text, place: { name } }]));
