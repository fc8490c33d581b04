import { ask, conclude } from '../ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { type ChangeOptions, changeOptions } from '../request-options.ts';

/** Ends a service: its snapshot is taken off the broker, its history stays. */
export async function deleteService(service: string, options: ChangeOptions, context: Context): Promise<ExitCode> {
  const { printer } = context;
  const result = await ask(service, { op: 'delete', ...changeOptions(options) }, context);
  if (printer.isJson || result.status !== 'applied') return conclude(result, context);
  printer.line(printer.style('green', `applied: ${service} is deleted; what runs keeps its configuration`));
  return exitCodes.done;
}
