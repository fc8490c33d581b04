import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { ifVersion, reason } from '../input/flags.ts';
import { type ChangeOptions, changeOptions } from '../input/request-options.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option(...reason)
    .option(...ifVersion)
    .action((service: string, options: ChangeOptions) => act((context) => deleteService(service, options, context)));
};

/** Ends a service: its snapshot is taken off the broker, its history stays. */
async function deleteService(service: string, options: ChangeOptions, context: Context): Promise<ExitCode> {
  const { printer } = context;
  const result = await ask(service, { op: 'delete', ...changeOptions(options) }, context);
  if (printer.isJson || result.status !== 'applied') return conclude(result, context);
  printer.line(printer.style('green', `applied: ${service} is deleted; what runs keeps its configuration`));
  return exitCodes.done;
}
