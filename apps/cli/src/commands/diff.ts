import type { Difference } from '@setpoint/protocol';
import { ask, conclude } from '../ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { parseVersion } from '../request-options.ts';
import { alignColumns } from '../table.ts';
import { differenceText, printable } from '../value-text.ts';

/** Prints what differs between two versions of a service; secrets are masked by the authority. */
export async function diff(service: string, from: string, to: string, context: Context): Promise<ExitCode> {
  const operation = { op: 'diff', from: parseVersion(from, '<from>'), to: parseVersion(to, '<to>') } as const;
  return conclude(await ask(service, operation, context), context, (result) => print(result.diff ?? [], context));
}

function print(differences: readonly Difference[], { printer }: Context): void {
  if (differences.length === 0) printer.line('no difference');
  const rows = differences.map((difference) => [
    difference.pointer === '' ? '(all)' : printable(difference.pointer),
    differenceText(difference),
  ]);
  for (const line of alignColumns(rows, (cell, column) => (column === 0 ? printer.style('cyan', cell) : cell))) {
    printer.line(line);
  }
}
