import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { byAuthor, since, touching } from '../input/flags.ts';
import { historyFilter, type LogOptions, printLog } from './log.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option('--limit <n>', 'at most this many, up to 500', '50')
    .option('--before <commit>', 'only commits before this one')
    .option('--service <service>', 'only of this service')
    .option(...byAuthor)
    .option(...since)
    .option(...touching)
    .action((options: HistoryOptions) => act((context) => history(options, context)));
};

interface HistoryOptions extends LogOptions {
  readonly service?: string;
}

/** Prints the versions of all services, newest first. */
export async function history({ service, ...options }: HistoryOptions, context: Context): Promise<ExitCode> {
  const of = service === undefined ? {} : { of: service };
  const result = await ask(context.settings.authority, { op: 'history', ...of, ...historyFilter(options) }, context);
  return conclude(result, context, ({ log = [] }) => printLog(log, context));
}
