import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { checkPointer } from '../input/assignment.ts';
import { ifVersion, reason } from '../input/flags.ts';
import { type ChangeOptions, changeOptions, parseVersionName } from '../input/request-options.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option('--only <pointer...>', 'only these settings and sections')
    .option(...reason)
    .option(...ifVersion)
    .action((service: string, version: string, options: RollbackOptions) =>
      act((context) => rollback(service, version, options, context)),
    );
};

interface RollbackOptions extends ChangeOptions {
  readonly only?: readonly string[];
}

/** Makes a new version with the content of an old one, named by number or tag; with `only` of these places alone. */
export async function rollback(
  service: string,
  version: string,
  { only, ...options }: RollbackOptions,
  context: Context,
): Promise<ExitCode> {
  const name = parseVersionName(version);
  const operation = {
    op: 'rollback',
    ...('tag' in name ? { toTag: name.tag } : { toVersion: name.version }),
    ...(only && { pointers: only.map(checkPointer) }),
    ...changeOptions(options),
  } as const;
  return conclude(await ask(service, operation, context), context);
}
