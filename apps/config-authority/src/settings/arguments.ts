import { parseArgs } from 'node:util';
import { type NamedText, parseAssignment } from '@setpoint/engine';

export interface Arguments {
  readonly kind: 'arguments';
  /** By service, in order. */
  readonly settings: ReadonlyMap<string, readonly NamedText[]>;
}

export type ParsedArguments =
  | Arguments
  | { readonly kind: 'help' }
  /** A backup takes the place of the store. */
  | { readonly kind: 'restore'; readonly backup: string }
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

export const helpText = `Usage: setpoint-authority [--set <service>/<pointer>=<value>]...
       setpoint-authority restore <backup>

Decides, stores and publishes the configuration of services.

  --set <service>/<pointer>=<value>   a setting that goes before files, environment and operators for as long as this
                                      process runs; may be given several times, for instance
                                      --set stt-worker/vad/threshold=0.6
  --help                              this text

  restore <backup>   puts a backup (see: setpoint backup) in the place of the store, which is kept beside it, and ends; the
                     authority must not be running. Every service gets a new version with the content of the backup.

All else is told by the environment: SETPOINT_CONFIG_DIR, SETPOINT_DATA_DIR, SETPOINT_ENV_FILE, SETPOINT_MQTT_URL and
more (see the README). Settings of services: SETPOINT_CFG__<SERVICE>__<PATH>, with "__" between levels.
SIGHUP reads files and the env file again.
`;

/** Reads the command line; every fault is told at once, and no value is repeated: it may be a secret. */
export function parseArguments(given: readonly string[]): ParsedArguments {
  const options = { set: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } } as const;
  const { values, tokens, positionals } = parseArgs({
    args: [...given],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  if (values.help === true) return { kind: 'help' };
  const unknown = tokens.flatMap((token) =>
    token.kind === 'option' && !Object.hasOwn(options, token.name) ? [`${token.rawName} is no option here`] : [],
  );
  if (positionals[0] === 'restore') return parseRestore(positionals.slice(1), values.set, unknown);
  const faults = [...positionals.map(() => 'there is an argument that belongs to no option'), ...unknown];
  const settings = new Map<string, NamedText[]>();
  for (const text of values.set ?? []) {
    const parsed = typeof text === 'string' ? parseAssignment(text) : parseAssignment('');
    if (parsed.kind === 'fault') faults.push(parsed.message);
    else settings.set(parsed.service, withLast(settings.get(parsed.service) ?? [], parsed.setting));
  }
  return faults.length > 0 ? { kind: 'faults', faults } : { kind: 'arguments', settings };
}

function parseRestore(files: readonly string[], set: unknown, unknown: readonly string[]): ParsedArguments {
  const [backup, ...others] = files;
  if (backup !== undefined && others.length === 0 && set === undefined && unknown.length === 0) {
    return { kind: 'restore', backup };
  }
  return { kind: 'faults', faults: [...unknown, 'restore takes the file of one backup, and nothing else'] };
}

/** Of an argument that is given twice the last counts, as elsewhere on command lines. */
const withLast = (settings: readonly NamedText[], setting: NamedText): NamedText[] => [
  ...settings.filter(({ place }) => place.name !== setting.place.name),
  setting,
];
