import type { Command } from 'commander';
import type { ChangeOptions } from '../request-options.ts';
import type { Act } from './act.ts';
import { acceptRestart, ifVersion, reason } from './flags.ts';

export function describeDrafts(program: Command, act: Act): void {
  const drafts = program.command('draft').description('prepare changes that nobody runs yet');
  drafts
    .command('save <service> <draft> <pointer=value...>')
    .description('put settings into a draft; it is validated')
    .option(...reason)
    .action((service: string, draft: string, assignments: string[], options: ChangeOptions) =>
      act(async (context) =>
        (await import('../commands/draft.ts')).saveDraft(service, draft, assignments, options, context),
      ),
    );
  drafts
    .command('list <service>')
    .description('print the drafts of a service')
    .action((service: string) =>
      act(async (context) => (await import('../commands/draft.ts')).listDrafts(service, context)),
    );
  drafts
    .command('diff <service> <draft>')
    .description('print what publishing would change now')
    .action((service: string, draft: string) =>
      act(async (context) => (await import('../commands/draft.ts')).diffDraft(service, draft, context)),
    );
  drafts
    .command('publish <service> <draft>')
    .description('make it so, unless somebody changed the same settings meanwhile')
    .option(...reason)
    .option(...ifVersion)
    .option(...acceptRestart)
    .action((service: string, draft: string, options: ChangeOptions) =>
      act(async (context) => (await import('../commands/draft.ts')).publishDraft(service, draft, options, context)),
    );
  drafts
    .command('drop <service> <draft>')
    .description('forget a draft')
    .action((service: string, draft: string) =>
      act(async (context) => (await import('../commands/draft.ts')).dropDraft(service, draft, context)),
    );
}
