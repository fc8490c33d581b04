import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import type { GetOptions } from './commands/get.ts';
import type { LogOptions } from './commands/log.ts';
import type { ValidateOptions } from './commands/validate.ts';
import type { Context } from './context.ts';
import { type ExitCode, exitCodes, toFailure } from './exit-codes.ts';
import { createPrinter, type Output } from './printer.ts';
import type { ChangeOptions } from './request-options.ts';
import { type GlobalOptions, resolveSettings } from './settings.ts';

/** The process around a command. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborts at Ctrl-C; from the call on, Ctrl-C does not end the process by itself. */
  interrupted(): AbortSignal;
}

/** Carries out one command line and says how it ended. Every error is told here; nothing is thrown. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.done;
  const program = describeProgram(surroundings, async (perform) => {
    exitCode = await perform(await createContext(program, surroundings));
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (cause) {
    return tell(cause, program, surroundings);
  }
}

async function createContext(program: Command, { env, stdout, stderr, interrupted }: Surroundings): Promise<Context> {
  const options = program.opts<GlobalOptions>();
  const printer = createPrinter({ stdout, stderr, isJson: options.json === true, noColor: env.NO_COLOR });
  return { settings: await resolveSettings(options, env), printer, interrupted };
}

function tell(cause: unknown, program: Command, { env, stdout, stderr }: Surroundings): ExitCode {
  // Commander has told it already; asking for help or the version is no error.
  if (cause instanceof CommanderError) return cause.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  const isJson = program.opts<GlobalOptions>().json === true;
  const printer = createPrinter({ stdout, stderr, isJson, noColor: env.NO_COLOR });
  const { exitCode, code, message } = toFailure(cause);
  printer.error(
    isJson
      ? JSON.stringify({ error: { code, message, exitCode } })
      : `${printer.errorStyle('red', 'setpoint:')} ${message}`,
  );
  return exitCode;
}

/** What is loaded for a command is loaded when it is called: `--help` waits for nothing. */
type Act = (perform: (context: Context) => Promise<ExitCode>) => Promise<void>;

function describeProgram({ stdout, stderr }: Surroundings, act: Act): Command {
  const program = new Command('setpoint')
    .description('Reads, changes and watches the configuration of services, over MQTT.')
    .version(readVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'setpoint: ')),
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('See setpoint --help.')
    .addHelpText('after', examples);
  for (const [flags, description] of globalOptions) program.option(flags, description);
  describeReading(program, act);
  describeChanging(program, act);
  return program;
}

const readVersion = (): string =>
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version as string;

const globalOptions = [
  ['--url <url>', 'the broker, mqtt:// or mqtts:// (SETPOINT_MQTT_URL, else mqtt://127.0.0.1:1883)'],
  ['--prefix <prefix>', 'the topic prefix of the environment (SETPOINT_PREFIX, else none)'],
  ['--authority <id>', 'the name of the authority (SETPOINT_ID, else config-authority)'],
  ['--name <name>', 'who you are, as the author of changes (SETPOINT_OPERATOR, else your user name)'],
  ['--timeout <ms>', 'how long to wait for the broker and for an answer (else 5000)'],
  ['--json', 'print JSON'],
  ['--key <file>', 'sign requests with this private JWK (SETPOINT_KEY)'],
  ['--trusted-keys <file>', 'believe only what these keys signed (SETPOINT_TRUSTED_KEYS)'],
] as const;

const reason = ['--reason <text>', 'why, for the history'] as const;
const ifVersion = ['--if-version <n>', 'only if the service is at this version; 0: only if it does not exist'] as const;

function describeReading(program: Command, act: Act): void {
  program
    .command('get <service> [pointer]')
    .description('print the configuration of a service, or one value; needs only the broker')
    .option('--show-secrets', 'print secrets as they are')
    .action((service: string, pointer: string | undefined, options: GetOptions) =>
      act(async (context) => (await import('./commands/get.ts')).get(service, pointer, options, context)),
    );
  program
    .command('watch [service]')
    .description('print every change as it comes, and how far it has got, until Ctrl-C')
    .action((service: string | undefined) =>
      act(async (context) => (await import('./commands/watch.ts')).watch(service, context)),
    );
  program
    .command('health')
    .description('print how the authority and every instance are')
    .action(() => act(async (context) => (await import('./commands/health.ts')).health(context)));
  program
    .command('log <service>')
    .description('print the versions of a service, newest first')
    .option('--limit <n>', 'at most this many', '20')
    .option('--before <version>', 'only versions before this one')
    .action((service: string, options: LogOptions) =>
      act(async (context) => (await import('./commands/log.ts')).log(service, options, context)),
    );
  program
    .command('diff <service> <from> <to>')
    .description('print what differs between two versions')
    .action((service: string, from: string, to: string) =>
      act(async (context) => (await import('./commands/diff.ts')).diff(service, from, to, context)),
    );
  program
    .command('validate <service>')
    .description('have a file checked as a change to the service, without making it')
    .requiredOption('--file <file>', 'a YAML or JSON file')
    .action((service: string, options: ValidateOptions) =>
      act(async (context) => (await import('./commands/validate.ts')).validate(service, options, context)),
    );
}

function describeChanging(program: Command, act: Act): void {
  program
    .command('set <service> <pointer=value...>')
    .description('set settings, all of them or none; a value is JSON, else text')
    .option(...reason)
    .option(...ifVersion)
    .addHelpText('after', setNotes)
    .action((service: string, assignments: string[], options: ChangeOptions) =>
      act(async (context) => (await import('./commands/set.ts')).set(service, assignments, options, context)),
    );
  program
    .command('unset <service> <pointer...>')
    .description('take runtime values away, so that the file and the defaults show again')
    .option(...reason)
    .option(...ifVersion)
    .action((service: string, pointers: string[], options: ChangeOptions) =>
      act(async (context) => (await import('./commands/unset.ts')).unset(service, pointers, options, context)),
    );
  program
    .command('rollback <service> <version>')
    .description('make a new version with the content of an old one')
    .option(...reason)
    .option(...ifVersion)
    .action((service: string, version: string, options: ChangeOptions) =>
      act(async (context) => (await import('./commands/rollback.ts')).rollback(service, version, options, context)),
    );
  program
    .command('delete <service>')
    .description('end a service that has no file any more; its history stays')
    .option(...reason)
    .option(...ifVersion)
    .action((service: string, options: ChangeOptions) =>
      act(async (context) => (await import('./commands/delete.ts')).deleteService(service, options, context)),
    );
}

const examples = `
Examples:
  setpoint get stt-worker
  setpoint get stt-worker /vad/threshold
  setpoint set stt-worker /vad/threshold=0.6 --reason "noisy room"
  setpoint set stt-worker /vad/threshold=0.6 --if-version 3
  setpoint unset stt-worker /vad/threshold
  setpoint watch
  setpoint log stt-worker
  setpoint diff stt-worker 3 5
  setpoint rollback stt-worker 3 --reason "too many false starts"
  setpoint validate stt-worker --file stt-worker.yaml

Exit codes:
   0  done: applied, unchanged, valid, found
   2  refused: rejected by the authority, or not there, or not to be believed
   3  conflict: the service is not at the expected version
   4  denied: not allowed by the authority or the broker
   5  no answer from the broker or the authority in time
  64  usage: the command line is wrong, or a file can't be read
  70  a fault of this program`;

const setNotes = `
A section is merged: what it does not name stays. An item of a list is named by its number, or "-" to append; such a
change is made only if nobody changed the service meanwhile. Text that looks like JSON is given in quotes.

Examples:
  setpoint set stt-worker /vad/threshold=0.6 /whisper/model=small
  setpoint set stt-worker '/vad={"threshold":0.6}'
  setpoint set stt-worker /vocabulary/hotwords/-=Setpoint
  setpoint set tts-worker /voice/id='"007"'
  setpoint set stt-worker /whisper/language=null`;
