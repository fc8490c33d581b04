import { type HistoryFilter, type LogEntry, maxLogEntries } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode } from '../exit-codes.ts';
import { checkPointer } from '../input/assignment.ts';
import { byAuthor, since, touching } from '../input/flags.ts';
import { parseTime, parseVersion } from '../input/request-options.ts';
import { tableLines } from '../output/table.ts';
import { printable, timeText } from '../output/value-text.ts';
import { parseCount } from '../settings.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option('--limit <n>', 'at most this many', '20')
    .option('--before <version>', 'only versions before this one')
    .option(...byAuthor)
    .option(...since)
    .option(...touching)
    .action((service: string, options: LogOptions) => act((context) => log(service, options, context)));
};

export interface LogOptions {
  readonly limit: string;
  readonly before?: string;
  readonly author?: string;
  readonly since?: string;
  readonly pointer?: string;
}

/** Prints the versions of a service, newest first. */
export async function log(service: string, options: LogOptions, context: Context): Promise<ExitCode> {
  const operation = { op: 'log', ...historyFilter(options) } as const;
  return conclude(await ask(service, operation, context), context, (result) => printLog(result.log ?? [], context));
}

/** @throws CommandError usage */
export const historyFilter = ({ limit, before, author, since, pointer }: LogOptions): HistoryFilter => ({
  limit: parseCount(limit, '--limit', 1, maxLogEntries),
  ...(before !== undefined && { before: parseVersion(before, '--before') }),
  ...(author !== undefined && { by: parseAuthor(author) }),
  ...(since !== undefined && { since: parseTime(since, '--since') }),
  ...(pointer !== undefined && { pointer: checkPointer(pointer) }),
});

const maxAuthorLength = 200;

/** An operator, or a file. */
function parseAuthor(text: string): string {
  if (text !== '' && text.length <= maxAuthorLength) return text;
  throw new CommandError('usage', `--author takes a name of 1 to ${maxAuthorLength} characters, as the log has it`);
}

export function printLog(entries: readonly LogEntry[], { printer }: Context): void {
  // Only a history of all services names them.
  const isOfAll = entries.some(({ service }) => service !== undefined);
  const rows = entries.map((entry) => [
    ...(isOfAll ? [printable(entry.service ?? '')] : []),
    String(entry.version),
    timeText(entry.committedAt),
    printable(entry.author),
    changedText(entry),
    printable(entry.reason),
  ]);
  const header = [...(isOfAll ? ['SERVICE'] : []), 'VERSION', 'TIME', 'AUTHOR', 'CHANGED', 'REASON'];
  for (const line of tableLines(header, rows, printer.style)) printer.line(line);
}

const shownPointers = 3;

function changedText({ changed, deleted }: LogEntry): string {
  if (deleted) return '(deleted)';
  const shown = changed.slice(0, shownPointers).map((pointer) => (pointer === '' ? '(all)' : printable(pointer)));
  const rest = changed.length - shown.length;
  return shown.join(' ') + (rest > 0 ? ` and ${rest} more` : '');
}
