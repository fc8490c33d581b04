import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode } from '../exit-codes.ts';
import { tableLines } from '../output/table.ts';
import { printable, valueText } from '../output/value-text.ts';
import { parseCount } from '../settings.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option('--limit <n>', 'at most this many', '20')
    .action((text: string, options: { limit: string }) => act((context) => search(text, options, context)));
};

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
