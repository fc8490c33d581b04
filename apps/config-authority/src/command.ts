import { join, relative } from 'node:path';
import { restoreSqliteStore } from '@setpoint/engine/store/sqlite';
import { SetpointError } from '@setpoint/protocol';
import { type Logger, pino } from 'pino';
import { type Served, serve } from './serve.ts';
import { type Arguments, helpText, parseArguments } from './settings/arguments.ts';
import { readSettings, type Settings } from './settings/settings.ts';

/** A stop that takes longer is ended by force. Milliseconds. */
const stopLimitMs = 30_000;

/** A signal counts as another one after this long: a terminal and npm both hand on the same Ctrl-C. Milliseconds. */
const repeatedSignalMs = 500;

/** The whole command, by the arguments, the environment and the signals of this process. */
export async function main(): Promise<void> {
  const given = parseArguments(process.argv.slice(2));
  if (given.kind === 'help') return void process.stdout.write(helpText);
  if (given.kind === 'faults') fail(`the arguments are wrong:\n  ${given.faults.join('\n  ')}\nsee --help`);
  const outcome = readSettings(process.env, process.stdout.isTTY === true);
  if (outcome.kind === 'faults') fail(`the settings are wrong:\n  ${outcome.faults.join('\n  ')}`);
  if (given.kind === 'restore') return restore(outcome.settings, given.backup);
  return run(outcome.settings, given);
}

async function run(settings: Settings, { settings: named }: Arguments): Promise<void> {
  const logger = await createLogger(settings);
  process.on('uncaughtException', (cause) => {
    logger.fatal({ err: cause }, 'a fault of the authority');
    process.exit(1);
  });
  try {
    const starting = serve(settings, logger, { environment: process.env, arguments: named });
    stopOnSignal(starting, logger);
    reloadOnSignal(starting, logger);
    const served = await starting;
    announce(served, await served.authority.reached(), settings, logger);
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    fail(cause.message);
  }
}

async function restore({ dataDir }: Settings, backup: string): Promise<void> {
  try {
    const { epoch, services, replaced } = await restoreSqliteStore({ backup, file: join(dataDir, 'setpoint.db') });
    const kept = replaced === undefined ? '' : `; what was there before is ${replaced}`;
    process.stdout.write(`setpoint: restored ${services} services in epoch ${epoch}${kept}\n`);
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    fail(cause.message);
  }
}

function fail(message: string): never {
  process.stderr.write(`setpoint: ${message}\n`);
  process.exit(1);
}

async function createLogger({ logLevel: level, logFormat }: Settings): Promise<Logger> {
  if (logFormat === 'json') return pino({ level }, pino.destination({ dest: 1, sync: true }));
  const { default: pretty } = await import('pino-pretty');
  return pino({ level }, pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', sync: true }));
}

/** A signal that comes while it starts is carried out when it has. */
function stopOnSignal(starting: Promise<Served>, logger: Logger): void {
  let stoppingSince: number | undefined;
  const stop = (signal: string): void => {
    if (stoppingSince !== undefined && performance.now() - stoppingSince < repeatedSignalMs) return;
    if (stoppingSince !== undefined) process.exit(1);
    stoppingSince = performance.now();
    logger.info({ signal }, 'stopping; the same signal again stops at once');
    const limit = setTimeout(() => {
      logger.error({ limitMs: stopLimitMs }, 'stopping took too long');
      process.exit(1);
    }, stopLimitMs);
    starting
      .then((served) => served.stop())
      .then(
        () => {
          clearTimeout(limit);
          logger.info('stopped');
          process.exit(0);
        },
        (cause) => {
          logger.error({ err: cause }, 'stopping failed');
          process.exit(1);
        },
      );
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
}

/** SIGHUP: files and the env file are read again. What operators and arguments set stays. */
function reloadOnSignal(starting: Promise<Served>, logger: Logger): void {
  process.on('SIGHUP', () => {
    logger.info({ signal: 'SIGHUP' }, 'reading the sources again');
    starting
      .then(({ authority }) => authority.reloadAll())
      .then(
        () => logger.info('the sources are read'),
        (cause) => logger.error({ err: cause }, 'the sources could not be read again; the last ones stay'),
      );
  });
}

/** Says where everything is, and what to try first; `away` is why the broker is not there. */
function announce(served: Served, away: string | undefined, settings: Settings, logger: Logger): void {
  const { authority, brokerUrl, configDir, dataDir, httpUrl, trustedKeysFile } = served;
  const services = authority.engine.services();
  const example = services.includes('stt-worker') ? 'stt-worker' : (services[0] ?? '<service>');
  const setting = example === 'stt-worker' ? '/vad/threshold=0.6' : '/<setting>=<value>';
  const url = brokerUrl === 'mqtt://127.0.0.1:1883' ? '' : ` --url ${brokerUrl}`;
  const commands = [
    `npx setpoint get ${example}${url}`,
    `npx setpoint set ${example} ${setting} --reason "noisy room"${url}`,
    `npx setpoint watch${url}`,
  ];
  if (settings.logFormat === 'json') {
    const places = { brokerUrl, configDir, dataDir, httpUrl, trustedKeysFile, services, try: commands };
    if (away === undefined) return logger.info(places, 'the authority is up');
    return logger.warn(places, `the authority is up; no broker yet: ${away}`);
  }
  const near = (path: string): string => relative(process.cwd(), path) || '.';
  const absence = away === undefined ? '' : `   is not there yet: ${away}`;
  process.stdout.write(
    [
      '',
      `  Setpoint is up with ${services.length} services: ${services.join(', ')}`,
      '',
      `  broker   ${brokerUrl}${settings.mqttUrl === undefined ? ' (embedded)' : ''}${absence}`,
      `  files    ${near(configDir)}   edit one and watch it arrive`,
      `  data     ${near(dataDir)}   services verify snapshots with ${near(trustedKeysFile)}`,
      ...(httpUrl === undefined ? [] : [`  http     ${httpUrl}/api/v1/services   and ${httpUrl}/health/ready`]),
      '',
      '  Try next, in another terminal:',
      ...commands.map((command) => `    ${command}`),
      '',
      '',
    ].join('\n'),
  );
}
