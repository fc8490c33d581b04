import { ask, conclude } from '../ask.ts';
import { checkPointer } from '../assignment.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { type ChangeOptions, changeOptions, parseVersionName } from '../request-options.ts';

export interface RollbackOptions extends ChangeOptions {
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
