import { type Fault, type Fix, type JsonObject, type Result, readPointer } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { readTextFile } from '../input/text-file.ts';
import { type LocalDocument, parseDocumentFile } from '../input/yaml-file.ts';
import { faultLines } from '../output/result-text.ts';
import { printable, valueText } from '../output/value-text.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .requiredOption('--file <file>', 'a YAML or JSON file')
    .option('--merge', 'as a change of some settings; else as the whole document')
    .option('--fix', 'propose what would mend it; nothing is changed')
    .option('--clamp', 'with --fix: also pull numbers into their bounds')
    .action((service: string, options: ValidateOptions) => act((context) => validate(service, options, context)));
};

interface ValidateOptions {
  readonly file: string;
  readonly merge?: boolean;
  readonly fix?: boolean;
  readonly clamp?: boolean;
}

/** Has the authority check a file as a change to the service, without making it; each fault with its line. */
export async function validate(
  service: string,
  { file, merge, fix, clamp }: ValidateOptions,
  context: Context,
): Promise<ExitCode> {
  const parsed = parseDocumentFile(await readTextFile(file), file);
  if ('faults' in parsed) return refuse(service, file, parsed.faults, context);
  const { document } = parsed;
  const operation = {
    op: 'validate',
    ...(merge ? { patch: document } : { values: document }),
    ...((fix || clamp) && { fix: clamp ? ('clamp' as const) : true }),
  } as const;
  const result = await ask(service, operation, context);
  const exitCode = conclude(placeFaults(result, parsed, file), context);
  if (!context.printer.isJson && result.fix) printFix(result.fix, document, context);
  return exitCode;
}

/** The proposal as a difference: what is in the file, and what would mend it. */
function printFix({ patch, complete, remaining }: Fix, document: JsonObject, { printer }: Context): void {
  if (patch.length === 0) return printer.line('no fix is known');
  printer.line(printer.style('bold', complete ? 'this would mend it:' : 'this would mend some of it:'));
  for (const operation of patch) {
    const before = operation.op === 'move' || operation.op === 'copy' ? operation.from : operation.path;
    const was = readPointer(document, before);
    if (operation.op !== 'add' && was !== undefined) {
      printer.line(printer.style('red', `  - ${printable(before)}: ${valueText(was)}`));
    }
    if (operation.op === 'remove') continue;
    const value = 'value' in operation ? operation.value : was;
    printer.line(printer.style('green', `  + ${printable(operation.path)}: ${valueText(value)}`));
  }
  for (const fault of remaining) for (const line of faultLines(fault)) printer.line(line);
}

/** A file that is not even YAML needs no authority to be refused. */
function refuse(service: string, file: string, faults: readonly Fault[], { printer }: Context): ExitCode {
  if (printer.isJson) {
    printer.json({
      status: 'rejected',
      service,
      problem: { code: 'file_invalid', detail: `${file} can't be read as a document`, errors: faults },
    });
  } else {
    printer.error(`${printer.errorStyle('red', 'setpoint:')} rejected: ${file} can't be read as a document`);
    for (const fault of faults) for (const line of faultLines(fault)) printer.error(line);
  }
  return exitCodes.refused;
}

/** The authority does not know the file: what it says of a setting that stands in there is given its line, in order. */
function placeFaults(result: Result, { lineOf }: LocalDocument, file: string): Result {
  const { problem } = result;
  if (!problem?.errors) return result;
  const errors = problem.errors.map((fault) => {
    const line = lineOf(fault.pointer);
    return line === undefined ? fault : { ...fault, file, line };
  });
  errors.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { ...result, problem: { ...problem, errors } };
}
