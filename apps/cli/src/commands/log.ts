import { type LogEntry, maxLogEntries } from '@setpoint/protocol';
import { ask, conclude } from '../ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { parseVersion } from '../request-options.ts';
import { parseCount } from '../settings.ts';
import { alignColumns } from '../table.ts';
import { printable, timeText } from '../value-text.ts';

export interface LogOptions {
  readonly limit: string;
  readonly before?: string;
}

/** Prints the versions of a service, newest first. */
export async function log(service: string, { limit, before }: LogOptions, context: Context): Promise<ExitCode> {
  const operation = {
    op: 'log',
    limit: parseCount(limit, '--limit', 1, maxLogEntries),
    ...(before !== undefined && { before: parseVersion(before, '--before') }),
  } as const;
  return conclude(await ask(service, operation, context), context, (result) => print(result.log ?? [], context));
}

function print(entries: readonly LogEntry[], { printer }: Context): void {
  const rows = entries.map((entry) => [
    String(entry.version),
    timeText(entry.committedAt),
    printable(entry.author),
    changedText(entry),
    printable(entry.reason),
  ]);
  const paint = (cell: string, column: number, row: number): string =>
    row === 0 ? printer.style('bold', cell) : column === 0 ? printer.style('cyan', cell) : cell;
  for (const line of alignColumns([['VERSION', 'TIME', 'AUTHOR', 'CHANGED', 'REASON'], ...rows], paint)) {
    printer.line(line);
  }
}

const shownPointers = 3;

function changedText({ changed, deleted }: LogEntry): string {
  if (deleted) return '(deleted)';
  const shown = changed.slice(0, shownPointers).map((pointer) => (pointer === '' ? '(all)' : printable(pointer)));
  const rest = changed.length - shown.length;
  return shown.join(' ') + (rest > 0 ? ` and ${rest} more` : '');
}
