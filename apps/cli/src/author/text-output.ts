import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { writeFiles } from './written-file.ts';

export interface OutputOptions {
  readonly out?: string;
  readonly force?: boolean;
}

/** Prints a text, or `answer` as JSON; with `out` the text goes into that file, and its name is printed. */
export async function printOrWrite(
  text: string,
  answer: object,
  { out, force = false }: OutputOptions,
  { printer }: Context,
): Promise<ExitCode> {
  if (out !== undefined) {
    await writeFiles('', [{ path: out, text }], { force });
    if (printer.isJson) printer.json({ written: [out] });
    else printer.line(`wrote ${out}`);
  } else if (printer.isJson) printer.json(answer);
  else printer.line(text.trimEnd());
  return exitCodes.done;
}
