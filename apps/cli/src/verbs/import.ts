import type { Problem } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { type ChangeOptions, changeOptions } from '../input/request-options.ts';
import { readTextFile } from '../input/text-file.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .requiredOption('--file <file>', 'a YAML or JSON file, an export for instance')
    .option('--reason <text>', 'why, for the history')
    .option('--if-version <n>', 'only if the service is at this version; 0: only if it does not exist')
    .option('--accept-restart', 'also where a running process can not take the change over')
    .action((service: string, options: ImportOptions) => act((context) => importService(service, options, context)));
};

interface ImportOptions extends ChangeOptions {
  readonly file: string;
}

/** Makes a file the document of a service; where a secret is masked in it, the present one stays. */
async function importService(service: string, options: ImportOptions, context: Context): Promise<ExitCode> {
  const { file } = options;
  const text = await readTextFile(file);
  const format = file.endsWith('.json') ? 'json' : 'yaml';
  const result = await ask(service, { op: 'import', text, format, ...changeOptions(options) }, context);
  const isRejected = result.status === 'rejected' || result.status === 'denied';
  return conclude(isRejected ? { ...result, problem: placeFaults(result.problem, file) } : result, context);
}

/** The authority gives lines of a text whose name it does not know. */
const placeFaults = (problem: Problem, file: string): Problem => ({
  ...problem,
  ...(problem.errors && {
    errors: problem.errors.map((fault) => (fault.line === undefined || fault.file ? fault : { ...fault, file })),
  }),
});
