import type { Command } from 'commander';
import type { HistoryOptions } from '../commands/store.ts';
import type { Act } from './act.ts';
import { byAuthor, since, touching } from './flags.ts';

/** The commands about all services. */
export function describeStore(program: Command, act: Act): void {
  program
    .command('history')
    .description('print the versions of all services, newest first')
    .option('--limit <n>', 'at most this many, up to 500', '50')
    .option('--before <commit>', 'only commits before this one')
    .option('--service <service>', 'only of this service')
    .option(...byAuthor)
    .option(...since)
    .option(...touching)
    .action((options: HistoryOptions) =>
      act(async (context) => (await import('../commands/store.ts')).history(options, context)),
    );
  program
    .command('search <text>')
    .description('print the settings whose place, value or description holds a text')
    .option('--limit <n>', 'at most this many', '20')
    .action((text: string, options: { limit: string }) =>
      act(async (context) => (await import('../commands/store.ts')).search(text, options, context)),
    );
  program
    .command('fsck')
    .description('verify the digest and the chain of every version')
    .action(() => act(async (context) => (await import('../commands/store.ts')).fsck(context)));
  program
    .command('backup')
    .description('have the authority write a backup of its store; see setpoint-authority --help for restoring it')
    .action(() => act(async (context) => (await import('../commands/store.ts')).backup(context)));
}
