import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { printable } from '../output/value-text.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command.action(() => act((context) => fsck(context)));
};

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
