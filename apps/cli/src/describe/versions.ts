import type { Command } from 'commander';
import type { ExplainOptions } from '../commands/explain.ts';
import type { MomentOptions } from '../commands/show.ts';
import type { ChangeOptions } from '../request-options.ts';
import type { Act } from './act.ts';
import { at, reason } from './flags.ts';

/** The commands about versions of one service: what was, who made it, and what it is called. */
export function describeVersions(program: Command, act: Act): void {
  program
    .command('show <service> [version]')
    .description('print one version, by number or tag; secrets masked')
    .option(...at)
    .action((service: string, version: string | undefined, options: MomentOptions) =>
      act(async (context) => (await import('../commands/show.ts')).show(service, version, options, context)),
    );
  program
    .command('explain <service> [pointer]')
    .description('print where each value comes from: layer, file and line, who and why, and what it hides')
    .option('--of <version>', 'of a version, by number or tag')
    .option(...at)
    .action((service: string, pointer: string | undefined, options: ExplainOptions) =>
      act(async (context) => (await import('../commands/explain.ts')).explain(service, pointer, options, context)),
    );
  program
    .command('blame <service> [pointer]')
    .description('print who last changed each setting, when and why')
    .action((service: string, pointer: string | undefined) =>
      act(async (context) => (await import('../commands/blame.ts')).blame(service, pointer, context)),
    );
  program
    .command('tag <service> [tag] [version]')
    .description('name a version, the present one by default; without a tag: print the tags')
    .option(...reason)
    .action((service: string, tag: string | undefined, version: string | undefined, options: ChangeOptions) =>
      act(async (context) => (await import('../commands/tag.ts')).tag(service, tag, version, options, context)),
    );
  program
    .command('untag <service> <tag>')
    .description('take a tag away; the version stays')
    .option(...reason)
    .action((service: string, tag: string, options: ChangeOptions) =>
      act(async (context) => (await import('../commands/tag.ts')).untag(service, tag, options, context)),
    );
}
