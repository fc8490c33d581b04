import { isJsonObject, type SchemaPreview } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { readTextFile } from '../input/text-file.ts';
import { faultLines } from '../output/result-text.ts';
import { printDifferences } from './diff.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command.action((service: string, file: string) => act((context) => preview(service, file, context)));
};

/** Prints what another schema would make of the document, and whom it would break; changes nothing. */
export async function preview(service: string, file: string, context: Context): Promise<ExitCode> {
  const result = await ask(service, { op: 'preview_schema', schema: await readSchema(file) }, context);
  const exitCode = conclude(result, context, ({ found }) => found?.preview && print(found.preview, context));
  return result.found?.preview?.faults.length ? exitCodes.refused : exitCode;
}

async function readSchema(file: string) {
  const text = await readTextFile(file);
  try {
    const schema: unknown = JSON.parse(text);
    if (isJsonObject(schema)) return schema;
  } catch {
    // Told below, whatever it is instead.
  }
  throw new CommandError('usage', `${file} is no JSON Schema: it must be a JSON object`);
}

function print({ changed, faults, brokenInstances, warnings }: SchemaPreview, context: Context): void {
  const { printer } = context;
  printDifferences(changed, context);
  for (const fault of warnings) for (const line of faultLines(fault)) printer.line(printer.style('yellow', line));
  if (faults.length === 0)
    return printer.line(printer.style('green', 'every setting fits, and every running instance'));
  printer.error(`${printer.errorStyle('red', 'setpoint:')} it would be refused`);
  for (const fault of faults) for (const line of faultLines(fault)) printer.error(line);
  if (brokenInstances.length > 0)
    printer.error(`these run with a contract that it breaks: ${brokenInstances.join(', ')}`);
}
