import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { checkPointer } from '../input/assignment.ts';
import { tableLines } from '../output/table.ts';
import { printable, timeText } from '../output/value-text.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command.action((service: string, pointer: string | undefined) => act((context) => blame(service, pointer, context)));
};

/** Prints who last changed each setting, and why. */
export async function blame(service: string, pointer: string | undefined, context: Context): Promise<ExitCode> {
  const place = pointer === undefined ? {} : { pointer: checkPointer(pointer) };
  const result = await ask(service, { op: 'blame', ...place }, context);
  return conclude(result, context, ({ found }) => {
    const rows = (found?.blame ?? []).map((each) => [
      printable(each.pointer),
      String(each.version),
      timeText(each.committedAt),
      printable(each.author),
      printable(each.reason),
    ]);
    const { printer } = context;
    for (const line of tableLines(['SETTING', 'VERSION', 'TIME', 'AUTHOR', 'REASON'], rows, printer.style)) {
      printer.line(line);
    }
  });
}
