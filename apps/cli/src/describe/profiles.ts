import type { Command } from 'commander';
import type { ChangeOptions } from '../request-options.ts';
import type { Act } from './act.ts';
import { reason } from './flags.ts';

export function describeProfiles(program: Command, act: Act): void {
  const profiles = program.command('profile').description('bring all services back to a set of versions');
  profiles
    .command('save <profile>')
    .description('remember the present version of every service')
    .option(...reason)
    .action((profile: string, options: ChangeOptions) =>
      act(async (context) => (await import('../commands/profile.ts')).saveProfile(profile, options, context)),
    );
  profiles
    .command('activate <profile>')
    .description('bring every service back to its version in the profile: all of them or none')
    .option(...reason)
    .action((profile: string, options: ChangeOptions) =>
      act(async (context) => (await import('../commands/profile.ts')).activateProfile(profile, options, context)),
    );
  profiles
    .command('list')
    .description('print the profiles')
    .action(() => act(async (context) => (await import('../commands/profile.ts')).listProfiles(context)));
  profiles
    .command('drop <profile>')
    .description('forget a profile')
    .action((profile: string) =>
      act(async (context) => (await import('../commands/profile.ts')).dropProfile(profile, context)),
    );
}
