import type { JsonValue } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode } from '../exit-codes.ts';
import { checkPointer, toMergePatch, toSettings } from '../input/assignment.ts';
import { acceptRestart, ifVersion, reason } from '../input/flags.ts';
import { type ChangeOptions, changeOptions } from '../input/request-options.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option(...reason)
    .option(...ifVersion)
    .option(...acceptRestart)
    .action((service: string, pointers: string[], options: ChangeOptions) =>
      act((context) => unset(service, pointers, options, context)),
    );
};

/** Takes the runtime values away, so that what the file and the defaults say shows again. */
export async function unset(
  service: string,
  pointers: readonly string[],
  options: ChangeOptions,
  context: Context,
): Promise<ExitCode> {
  const settings = toSettings(pointers.map((pointer) => ({ pointer: checkMember(pointer), value: nothing })));
  const patch = toMergePatch(settings);
  const operation = { op: 'merge', patch, create: false, ...changeOptions(options) } as const;
  return conclude(await ask(service, operation, context), context);
}

/** In a merge: gives the place back to the layers beneath. */
const nothing: JsonValue = null;

function checkMember(pointer: string): string {
  if (checkPointer(pointer) !== '') return pointer;
  throw new CommandError('usage', 'name what to unset; to end the service itself there is delete');
}
