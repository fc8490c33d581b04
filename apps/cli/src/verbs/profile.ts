import type { Profile } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { reason } from '../input/flags.ts';
import { type ChangeOptions, changeOptions, parseLabel } from '../input/request-options.ts';
import { alignColumns, tableLines } from '../output/table.ts';
import { printable, timeText } from '../output/value-text.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (profile, act) => {
  profile
    .command('save <profile>')
    .description('remember the present version of every service')
    .option(...reason)
    .action((profile: string, options: ChangeOptions) => act((context) => saveProfile(profile, options, context)));
  profile
    .command('activate <profile>')
    .description('bring every service back to its version in the profile: all of them or none')
    .option(...reason)
    .action((profile: string, options: ChangeOptions) => act((context) => activateProfile(profile, options, context)));
  profile
    .command('list')
    .description('print the profiles')
    .action(() => act((context) => listProfiles(context)));
  profile
    .command('drop <profile>')
    .description('forget a profile')
    .action((profile: string) => act((context) => dropProfile(profile, context)));
};

/** Remembers the present version of every service under a name. */
async function saveProfile(name: string, options: ChangeOptions, context: Context): Promise<ExitCode> {
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
async function activateProfile(name: string, options: ChangeOptions, context: Context): Promise<ExitCode> {
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

async function listProfiles(context: Context): Promise<ExitCode> {
  const result = await ask(context.settings.authority, { op: 'profiles' }, context);
  return conclude(result, context, ({ found }) => print(found?.profiles ?? [], context));
}

async function dropProfile(name: string, context: Context): Promise<ExitCode> {
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
