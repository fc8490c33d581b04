import type { Command } from 'commander';
import type { RollbackOptions } from '../commands/rollback.ts';
import type { SetOptions } from '../commands/set.ts';
import type { ChangeOptions } from '../request-options.ts';
import type { Act } from './act.ts';
import { acceptRestart, ifVersion, reason } from './flags.ts';

/** The commands that make a new version. */
export function describeChanging(program: Command, act: Act): void {
  program
    .command('set <service> <pointer=value...>')
    .description('set settings, all of them or none; a value is JSON, else text')
    .option(...reason)
    .option(...ifVersion)
    .option(...acceptRestart)
    .option('--create', 'also where there is no such service yet')
    .addHelpText('after', setNotes)
    .action((service: string, assignments: string[], options: SetOptions) =>
      act(async (context) => (await import('../commands/set.ts')).set(service, assignments, options, context)),
    );
  program
    .command('unset <service> <pointer...>')
    .description('take runtime values away, so that the file and the defaults show again')
    .option(...reason)
    .option(...ifVersion)
    .option(...acceptRestart)
    .action((service: string, pointers: string[], options: ChangeOptions) =>
      act(async (context) => (await import('../commands/unset.ts')).unset(service, pointers, options, context)),
    );
  program
    .command('rollback <service> <version>')
    .description('make a new version with the content of an old one, named by number or tag')
    .option('--only <pointer...>', 'only these settings and sections')
    .option(...reason)
    .option(...ifVersion)
    .action((service: string, version: string, options: RollbackOptions) =>
      act(async (context) => (await import('../commands/rollback.ts')).rollback(service, version, options, context)),
    );
  program
    .command('delete <service>')
    .description('end a service that has no file any more; its history stays')
    .option(...reason)
    .option(...ifVersion)
    .action((service: string, options: ChangeOptions) =>
      act(async (context) => (await import('../commands/delete.ts')).deleteService(service, options, context)),
    );
}

const setNotes = `
A section is merged: what it does not name stays. An item of a list is named by its number, or "-" to append; such a
change is made only if nobody changed the service meanwhile. Text that looks like JSON is given in quotes.

Examples:
  setpoint set stt-worker /vad/threshold=0.6 /whisper/model=small
  setpoint set stt-worker '/vad={"threshold":0.6}'
  setpoint set stt-worker /vocabulary/hotwords/-=Setpoint
  setpoint set tts-worker /voice/id='"007"'
  setpoint set stt-worker /whisper/language=null`;
