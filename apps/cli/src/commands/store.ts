import { ask, conclude } from '../ask.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { parseCount } from '../settings.ts';
import { tableLines } from '../table.ts';
import { printable, valueText } from '../value-text.ts';
import { historyFilter, type LogOptions, printLog } from './log.ts';

export interface HistoryOptions extends LogOptions {
  readonly service?: string;
}

/** Prints the versions of all services, newest first. */
export async function history({ service, ...options }: HistoryOptions, context: Context): Promise<ExitCode> {
  const of = service === undefined ? {} : { of: service };
  const result = await ask(context.settings.authority, { op: 'history', ...of, ...historyFilter(options) }, context);
  return conclude(result, context, ({ log = [] }) => printLog(log, context));
}

const maxTextLength = 200;

/** Prints the settings whose place, value or description holds a text, best first. */
export async function search(text: string, { limit }: { limit: string }, context: Context): Promise<ExitCode> {
  if (text === '' || text.length > maxTextLength) {
    const what = text === '' ? 'nothing to look for' : `a text of ${text.length} characters`;
    throw new CommandError(
      'usage',
      `${what}; give 1 to ${maxTextLength} characters, the name of a setting for instance`,
    );
  }
  const operation = { op: 'search', text, limit: parseCount(limit, '--limit', 1, 500) } as const;
  return conclude(await ask(context.settings.authority, operation, context), context, ({ found }) => {
    const rows = (found?.hits ?? []).map((hit) => [
      printable(hit.service),
      printable(hit.pointer),
      valueText(hit.value),
      hit.score.toFixed(1),
      printable(hit.description ?? ''),
    ]);
    const { printer } = context;
    for (const line of tableLines(['SERVICE', 'SETTING', 'VALUE', 'SCORE', 'DESCRIPTION'], rows, printer.style)) {
      printer.line(line);
    }
  });
}

/** Has every chain of versions verified. Ends with `refused` where something is wrong. */
export async function fsck(context: Context): Promise<ExitCode> {
  const { printer } = context;
  const result = await ask(context.settings.authority, { op: 'fsck' }, context);
  const { verified = 0, faults = [] } = result.found ?? {};
  const exitCode = conclude(result, context, () => {
    for (const { service, version, message } of faults) {
      printer.error(`${printer.errorStyle('red', 'damaged:')} ${service} version ${version}: ${printable(message)}`);
    }
    if (faults.length === 0) printer.line(printer.style('green', `sound: ${verified} versions verified`));
  });
  return faults.length > 0 ? exitCodes.refused : exitCode;
}

/** Has the authority write a backup beside its store, while it goes on. */
export async function backup(context: Context): Promise<ExitCode> {
  const { printer } = context;
  const result = await ask(context.settings.authority, { op: 'backup' }, context);
  return conclude(result, context, ({ found }) => {
    printer.line(printer.style('green', `written: ${found?.file} in the backups folder of the authority's data`));
    printer.line(`${found?.bytes} bytes`);
  });
}
