import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import type { Context } from './context.ts';
import { type ExitCode, exitCodes, toFailure } from './exit-codes.ts';
import { createPrinter, type Output } from './output/printer.ts';
import { type GlobalOptions, resolveSettings } from './settings.ts';
import type { Act } from './verbs/verb.ts';
import { verbGroups } from './verbs.ts';

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
  const program = createProgram(surroundings);
  await defineVerbs(program, args, async (body) => {
    exitCode = await body(await createContext(program, surroundings));
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

function createProgram({ stdout, stderr }: Surroundings): Command {
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
  return program;
}

/** Lists every verb for `--help`, and loads the flags and bodies of those that the command line may mean. */
async function defineVerbs(program: Command, args: readonly string[], act: Act): Promise<void> {
  for (const [heading, verbs] of verbGroups) {
    program.commandsGroup(heading);
    for (const { usage, summary, load } of verbs) {
      const command = program.command(usage).description(summary);
      if (args.includes(command.name())) (await load()).define(command, act);
    }
  }
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
  setpoint rollback stt-worker release-12 --only /vad
  setpoint explain stt-worker /vad/threshold
  setpoint blame stt-worker
  setpoint tag stt-worker release-12
  setpoint draft save stt-worker night /vad/threshold=0.7
  setpoint profile save before-upgrade
  setpoint validate stt-worker --file stt-worker.yaml --fix

Exit codes:
   0  done: applied, unchanged, valid, found
   2  refused: rejected by the authority, or not there, or not to be believed
   3  conflict: the service is not at the expected version
   4  denied: not allowed by the authority or the broker
   5  no answer from the broker or the authority in time
  64  usage: the command line is wrong, or a file can't be read
  70  a fault of this program`;
