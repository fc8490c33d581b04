import type { Moment } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { at } from '../input/flags.ts';
import { parseTime, parseVersionName } from '../input/request-options.ts';
import { alignColumns } from '../output/table.ts';
import { printable, settingsOf, timeText, valueText } from '../output/value-text.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option(...at)
    .action((service: string, version: string | undefined, options: MomentOptions) =>
      act((context) => show(service, version, options, context)),
    );
};

export interface MomentOptions {
  readonly at?: string;
}

/** Prints the document of one version, secrets masked. */
export async function show(
  service: string,
  version: string | undefined,
  options: MomentOptions,
  context: Context,
): Promise<ExitCode> {
  const result = await ask(service, { op: 'show', ...parseMoment(version, options) }, context);
  return conclude(result, context, ({ log = [], found }) => {
    const { printer } = context;
    for (const { version: number, committedAt, author, reason, digest } of log) {
      const why = reason === '' ? '' : `, ${JSON.stringify(reason)}`;
      printer.line(
        printer.style('bold', service) +
          printer.style('dim', ` version ${number}, ${timeText(committedAt)}, by ${printable(author + why)}`),
      );
      printer.line(printer.style('dim', digest));
    }
    const rows = settingsOf(found?.document ?? {}).map(({ pointer, value }) => [pointer, valueText(value)]);
    for (const line of alignColumns(rows, (cell, column) => (column === 0 ? printer.style('cyan', cell) : cell))) {
      printer.line(line);
    }
  });
}

/** @throws CommandError usage */
export const parseMoment = (version: string | undefined, { at }: MomentOptions): Moment => ({
  ...(version !== undefined && parseVersionName(version)),
  ...(at !== undefined && { at: parseTime(at, '--at') }),
});
