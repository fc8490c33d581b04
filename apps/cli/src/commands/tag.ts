import type { Tag } from '@setpoint/protocol';
import { ask, conclude } from '../ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { type ChangeOptions, changeOptions, parseLabel, parseVersion } from '../request-options.ts';
import { tableLines } from '../table.ts';
import { printable, timeText } from '../value-text.ts';

/** Gives a version a name, or prints the names that there are. */
export async function tag(
  service: string,
  name: string | undefined,
  version: string | undefined,
  options: ChangeOptions,
  context: Context,
): Promise<ExitCode> {
  if (name === undefined) {
    const result = await ask(service, { op: 'tags' }, context);
    return conclude(result, context, ({ found }) => print(found?.tags ?? [], context));
  }
  const at = version === undefined ? {} : { toVersion: parseVersion(version, '<version>') };
  const result = await ask(
    service,
    { op: 'tag', tag: parseLabel(name, 'a tag'), ...at, ...changeOptions(options) },
    context,
  );
  const [made] = result.found?.tags ?? [];
  if (context.printer.isJson || !made) return conclude(result, context);
  context.printer.line(context.printer.style('green', `tagged: ${name} is version ${made.version} of ${service}`));
  return exitCodes.done;
}

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

function print(tags: readonly Tag[], { printer }: Context): void {
  const rows = tags.map((each) => [
    printable(each.tag),
    String(each.version),
    timeText(each.at),
    printable(each.author),
    printable(each.reason),
  ]);
  for (const line of tableLines(['TAG', 'VERSION', 'TIME', 'AUTHOR', 'REASON'], rows, printer.style))
    printer.line(line);
}
