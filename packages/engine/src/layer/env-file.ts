import { parseEnv } from 'node:util';
import type { Variable } from './environment.ts';

/** The variables of a dotenv file. `file` is how their places name it; of a name that comes twice the last counts. */
export function parseEnvFile(text: string, file: string): Variable[] {
  const lines = findLines(text);
  return Object.entries(parseEnv(text)).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, text: value, place: { file, line: lines.get(name) ?? 1, name } }],
  );
}

/** The last line that each name is set in. */
function findLines(text: string): Map<string, number> {
  const lines = text
    .split(/\r?\n/)
    .map((line, i) => [/^\s*(?:export\s+)?([^\s=#]+)\s*=/.exec(line)?.[1], i + 1] as const);
  return new Map(lines.flatMap(([name, line]) => (name === undefined ? [] : [[name, line]])));
}
