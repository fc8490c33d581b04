import type { Explanation, LayerValue } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { checkPointer } from '../input/assignment.ts';
import { at } from '../input/flags.ts';
import { printable, timeText, valueText } from '../output/value-text.ts';
import { type MomentOptions, parseMoment } from './show.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option('--of <version>', 'of a version, by number or tag')
    .option(...at)
    .action((service: string, pointer: string | undefined, options: ExplainOptions) =>
      act((context) => explain(service, pointer, options, context)),
    );
};

interface ExplainOptions extends MomentOptions {
  readonly of?: string;
}

/** Prints where every value at or in a place comes from, and what it hides. */
export async function explain(
  service: string,
  pointer: string | undefined,
  { of, ...options }: ExplainOptions,
  context: Context,
): Promise<ExitCode> {
  const place = pointer === undefined ? {} : { pointer: checkPointer(pointer) };
  const result = await ask(service, { op: 'explain', ...place, ...parseMoment(of, options) }, context);
  return conclude(result, context, ({ found }) => {
    for (const explanation of found?.explanation ?? []) print(explanation, context);
  });
}

function print(explanation: Explanation, { printer }: Context): void {
  const { pointer, value, hot, beneath, description } = explanation;
  const notes = hot ? '' : printer.style('yellow', '  needs a restart');
  printer.line(`${printer.style('cyan', printable(pointer))} = ${valueText(value)}${notes}`);
  if (description !== undefined) printer.line(printer.style('dim', `    ${printable(description)}`));
  printer.line(`    ${originText(explanation)}`);
  for (const hidden of beneath) {
    printer.line(printer.style('dim', `    over ${valueText(hidden.value)} of ${originText(hidden)}`));
  }
}

/** `runtime_update by alice, version 7, 2026-06-01 12:00:00, "noisy room"`. */
function originText({ layer, file, line, name, author, version, at, reason }: LayerValue): string {
  const place = file === undefined ? '' : ` ${file}${line === undefined ? '' : `:${line}`}`;
  const told = [
    ...(name === undefined ? [] : [` ${name}`]),
    ...(author === undefined ? [] : [` by ${author}`]),
    ...(version === undefined ? [] : [`, version ${version}`]),
    ...(at === undefined ? [] : [`, ${timeText(at)}`]),
    ...(reason === undefined || reason === '' ? [] : [`, ${JSON.stringify(reason)}`]),
  ];
  return printable(layer + place + told.join(''));
}
