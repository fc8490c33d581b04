import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { reason } from '../input/flags.ts';
import { type ChangeOptions, changeOptions, parseLabel } from '../input/request-options.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option(...reason)
    .action((service: string, tag: string, options: ChangeOptions) =>
      act((context) => untag(service, tag, options, context)),
    );
};

/** Takes a name away; the version stays. */
export async function untag(
  service: string,
  name: string,
  options: ChangeOptions,
  context: Context,
): Promise<ExitCode> {
  const operation = { op: 'untag', tag: parseLabel(name, 'a tag'), ...changeOptions(options) } as const;
  return conclude(await ask(service, operation, context), context);
}
