import type { Fault, Result } from '@setpoint/protocol';
import { ask, conclude } from '../ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { faultLines } from '../result-text.ts';
import { readTextFile } from '../text-file.ts';
import { type LocalDocument, parseDocumentFile } from '../yaml-file.ts';

export interface ValidateOptions {
  readonly file: string;
}

/** Has the authority check a file as a change to the service, without making it; each fault with its line. */
export async function validate(service: string, { file }: ValidateOptions, context: Context): Promise<ExitCode> {
  const parsed = parseDocumentFile(await readTextFile(file), file);
  if ('faults' in parsed) return refuse(service, file, parsed.faults, context);
  const result = await ask(service, { op: 'validate', patch: parsed.document }, context);
  return conclude(placeFaults(result, parsed, file), context);
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
