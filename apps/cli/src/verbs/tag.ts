import type { Tag } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { reason } from '../input/flags.ts';
import { type ChangeOptions, changeOptions, parseLabel, parseVersion } from '../input/request-options.ts';
import { tableLines } from '../output/table.ts';
import { printable, timeText } from '../output/value-text.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option(...reason)
    .action((service: string, name: string | undefined, version: string | undefined, options: ChangeOptions) =>
      act((context) => tag(service, name, version, options, context)),
    );
};

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
