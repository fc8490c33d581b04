import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command.action(() => act((context) => backup(context)));
};

/** Has the authority write a backup beside its store, while it goes on. */
export async function backup(context: Context): Promise<ExitCode> {
  const { printer } = context;
  const result = await ask(context.settings.authority, { op: 'backup' }, context);
  return conclude(result, context, ({ found }) => {
    printer.line(printer.style('green', `written: ${found?.file} in the backups folder of the authority's data`));
    printer.line(`${found?.bytes} bytes`);
  });
}
