import type { Command } from 'commander';
import type { GetOptions } from '../commands/get.ts';
import type { LogOptions } from '../commands/log.ts';
import type { ValidateOptions } from '../commands/validate.ts';
import type { Act } from './act.ts';
import { byAuthor, since, touching } from './flags.ts';

/** The commands that look at one service as it is. */
export function describeReading(program: Command, act: Act): void {
  program
    .command('get <service> [pointer]')
    .description('print the configuration of a service, or one value; needs only the broker')
    .option('--show-secrets', 'print secrets as they are')
    .action((service: string, pointer: string | undefined, options: GetOptions) =>
      act(async (context) => (await import('../commands/get.ts')).get(service, pointer, options, context)),
    );
  program
    .command('watch [service]')
    .description('print every change as it comes, and how far it has got, until Ctrl-C')
    .action((service: string | undefined) =>
      act(async (context) => (await import('../commands/watch.ts')).watch(service, context)),
    );
  program
    .command('health')
    .description('print how the authority and every instance are')
    .action(() => act(async (context) => (await import('../commands/health.ts')).health(context)));
  program
    .command('log <service>')
    .description('print the versions of a service, newest first')
    .option('--limit <n>', 'at most this many', '20')
    .option('--before <version>', 'only versions before this one')
    .option(...byAuthor)
    .option(...since)
    .option(...touching)
    .action((service: string, options: LogOptions) =>
      act(async (context) => (await import('../commands/log.ts')).log(service, options, context)),
    );
  program
    .command('diff <service> <from> <to>')
    .description('print what differs between two versions, layers, services, drafts or files')
    .addHelpText('after', diffNotes)
    .action((service: string, from: string, to: string) =>
      act(async (context) => (await import('../commands/diff.ts')).diff(service, from, to, context)),
    );
  program
    .command('validate <service>')
    .description('have a file checked as a change to the service, without making it')
    .requiredOption('--file <file>', 'a YAML or JSON file')
    .option('--merge', 'as a change of some settings; else as the whole document')
    .option('--fix', 'propose what would mend it; nothing is changed')
    .option('--clamp', 'with --fix: also pull numbers into their bounds')
    .action((service: string, options: ValidateOptions) =>
      act(async (context) => (await import('../commands/validate.ts')).validate(service, options, context)),
    );
}

const diffNotes = `
A side is a version by number or tag, "present", or one of
  layer:<name>     what one layer says: cli_argument, runtime_update, environment, env_file, yaml_file, default
  service:<name>   the present document of another service
  draft:<name>     what the service would be with a draft
  file:<path>      a YAML or JSON file

Examples:
  setpoint diff stt-worker 3 5
  setpoint diff stt-worker release-12 present
  setpoint diff stt-worker layer:yaml_file present
  setpoint diff stt-worker present file:stt-worker.yaml`;
