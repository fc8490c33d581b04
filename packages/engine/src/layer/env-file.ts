import { parseEnv } from 'node:util';
import type { Variable } from './environment.ts';

/**
 * The variables of a dotenv file, each with its line. Of a name that comes twice the last one counts. `file` is how places
 * name the file.
 * @example
 * parseEnvFile('SETPOINT_CFG__VAD__THRESHOLD=0.7\n', '.env');
 */
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
