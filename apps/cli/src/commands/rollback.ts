import { ask, conclude } from '../ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { type ChangeOptions, changeOptions, parseVersion } from '../request-options.ts';

/** Makes a new version with the content of an old one. */
export async function rollback(
  service: string,
  version: string,
  options: ChangeOptions,
  context: Context,
): Promise<ExitCode> {
  const operation = {
    op: 'rollback',
    toVersion: parseVersion(version, '<version>'),
    ...changeOptions(options),
  } as const;
  return conclude(await ask(service, operation, context), context);
}
