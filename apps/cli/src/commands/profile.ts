import type { Profile } from '@setpoint/protocol';
import { ask, conclude } from '../ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { type ChangeOptions, changeOptions, parseLabel } from '../request-options.ts';
import { alignColumns, tableLines } from '../table.ts';
import { printable, timeText } from '../value-text.ts';

/** Remembers the present version of every service under a name. */
export async function saveProfile(name: string, options: ChangeOptions, context: Context): Promise<ExitCode> {
  const { authority } = context.settings;
  const profile = parseLabel(name, 'a profile');
  const result = await ask(authority, { op: 'profile_save', profile, ...changeOptions(options) }, context);
  const [saved] = result.found?.profiles ?? [];
  if (context.printer.isJson || !saved) return conclude(result, context);
  const count = Object.keys(saved.services).length;
  context.printer.line(context.printer.style('green', `saved: ${profile} has the versions of ${count} services`));
  return exitCodes.done;
}

/** Brings every service of a profile back to its version in it, all or none. */
export async function activateProfile(name: string, options: ChangeOptions, context: Context): Promise<ExitCode> {
  const { authority } = context.settings;
  const profile = parseLabel(name, 'a profile');
  const result = await ask(authority, { op: 'profile_activate', profile, ...changeOptions(options) }, context);
  const { printer } = context;
  if (printer.isJson || result.status !== 'applied') return conclude(result, context);
  printer.line(printer.style('green', `applied: ${profile} is active`));
  const rows = Object.entries(result.services ?? {}).map(([service, version]) => [service, `version ${version}`]);
  for (const line of alignColumns(rows)) printer.line(`  ${line}`);
  return exitCodes.done;
}

export async function listProfiles(context: Context): Promise<ExitCode> {
  const result = await ask(context.settings.authority, { op: 'profiles' }, context);
  return conclude(result, context, ({ found }) => print(found?.profiles ?? [], context));
}

export async function dropProfile(name: string, context: Context): Promise<ExitCode> {
  const profile = parseLabel(name, 'a profile');
  return conclude(await ask(context.settings.authority, { op: 'profile_drop', profile }, context), context);
}

function print(profiles: readonly Profile[], { printer }: Context): void {
  const rows = profiles.map((each) => [
    printable(each.profile),
    String(Object.keys(each.services).length),
    timeText(each.at),
    printable(each.author),
    printable(each.reason),
  ]);
  for (const line of tableLines(['PROFILE', 'SERVICES', 'TIME', 'AUTHOR', 'REASON'], rows, printer.style)) {
    printer.line(line);
  }
}
