import { delimiter } from 'node:path';
import { createTopics, defaultMaxEnvelopeBytes, isName } from '@setpoint/protocol';
import { z } from 'zod';

/** What the authority is told by its environment. */
export interface Settings {
  /** The broker to use; undefined: the embedded one. */
  readonly mqttUrl: string | undefined;
  readonly brokerHost: string;
  readonly brokerPort: number;
  readonly configDir: string;
  /** The folder with the rules of the organisation; undefined: `_rules` in `configDir`. */
  readonly rulesDir: string | undefined;
  /** Whether a signing key may be made beside a store that was signed by another one. */
  readonly allowsNewKey: boolean;
  /** Whether one service with wrong files and no earlier version ends the start of all. */
  readonly isStrictStart: boolean;
  /** Folders besides `configDir` that its files may include from, or be linked to. */
  readonly includeDirs: readonly string[];
  /** A dotenv file; undefined: `.env` in `configDir`, where there is one. */
  readonly envFile: string | undefined;
  readonly dataDir: string;
  readonly prefix: string;
  readonly id: string;
  readonly httpHost: string;
  /** 0: no HTTP. */
  readonly httpPort: number;
  /** The keys of those who may ask over HTTP; undefined: on a loopback host everyone, elsewhere nobody. */
  readonly httpKeysFile: string | undefined;
  readonly logLevel: string;
  readonly logFormat: 'json' | 'pretty';
  /** A JWK set of operators' keys; undefined: requests need no signature. */
  readonly operatorKeysFile: string | undefined;
  readonly maxEnvelopeBytes: number;
}

export type SettingsOutcome =
  | { readonly kind: 'settings'; readonly settings: Settings }
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

/** A setting that is present and empty counts as not set, as shells and compose files write it. */
const unset = (value: unknown): unknown => (value === '' ? undefined : value);

const optional = <T>(schema: z.ZodType<T>): z.ZodType<T | undefined> => z.preprocess(unset, schema.optional());
const withDefault = <T>(schema: z.ZodType<T>, value: T): z.ZodType<T> =>
  z.preprocess((given) => unset(given) ?? value, schema);

const wholeNumber = (least: number, most: number): z.ZodType<number> =>
  z.preprocess(
    (given) => (typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given),
    z.number(`must be a whole number from ${least} to ${most}`).int().min(least).max(most),
  );

const url = z.string().refine((text) => URL.canParse(text) && /^mqtts?:\/\/[^/]/.test(text), {
  error: 'must be mqtt:// or mqtts:// with a host',
});
const prefix = z.string().refine(isPrefix, { error: 'must be up to three names of a–z, 0–9, "_", "-", joined by "/"' });

const schema = z.object({
  SETPOINT_MQTT_URL: optional(url),
  SETPOINT_BROKER_HOST: withDefault(z.string(), '127.0.0.1'),
  SETPOINT_BROKER_PORT: withDefault(wholeNumber(1, 65_535), 1883),
  SETPOINT_CONFIG_DIR: withDefault(z.string(), './config'),
  SETPOINT_RULES_DIR: optional(z.string()),
  SETPOINT_INCLUDE_DIRS: withDefault(z.string(), ''),
  SETPOINT_NEW_KEY: withDefault(z.enum(['true', 'false'], 'must be true or false'), 'false'),
  SETPOINT_STRICT_START: withDefault(z.enum(['true', 'false'], 'must be true or false'), 'false'),
  SETPOINT_ENV_FILE: optional(z.string()),
  SETPOINT_DATA_DIR: withDefault(z.string(), './data'),
  SETPOINT_PREFIX: withDefault(prefix, ''),
  SETPOINT_ID: withDefault(
    z.string().refine(isName, { error: 'must be a name of a–z, 0–9, "_", "-"' }),
    'config-authority',
  ),
  SETPOINT_HTTP_HOST: withDefault(z.string(), '127.0.0.1'),
  SETPOINT_HTTP_PORT: withDefault(wholeNumber(0, 65_535), 8081),
  SETPOINT_HTTP_KEYS: optional(z.string()),
  SETPOINT_LOG_LEVEL: withDefault(
    z.preprocess(
      (given) => (typeof given === 'string' ? given.toLowerCase() : given),
      z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    ),
    'info',
  ),
  SETPOINT_LOG_FORMAT: optional(z.enum(['json', 'pretty'])),
  SETPOINT_OPERATOR_KEYS: optional(z.string()),
  SETPOINT_MAX_ENVELOPE_BYTES: withDefault(wholeNumber(65_536, 16_777_216), defaultMaxEnvelopeBytes),
});

/** Read by the command line and the examples, which may run in the same environment. */
const othersNames = ['SETPOINT_OPERATOR', 'SETPOINT_KEY', 'SETPOINT_TRUSTED_KEYS'];

/**
 * Reads the settings. Every fault is told at once, and a name beginning with `SETPOINT_` that is none of ours is one:
 * a misspelt setting would silently do nothing. `SETPOINT_CFG__…` is left for the environment layer.
 */
export function readSettings(everything: NodeJS.ProcessEnv, isTerminal: boolean): SettingsOutcome {
  const environment = withoutServiceLinks(everything);
  const known = Object.keys(schema.shape);
  const isStrange = (name: string): boolean =>
    name.startsWith('SETPOINT_') &&
    !name.toUpperCase().startsWith('SETPOINT_CFG__') &&
    ![...known, ...othersNames].includes(name);
  const strangers = Object.keys(environment)
    .filter(isStrange)
    .map((name) => `${name} is not a setting; there are ${known.join(', ')}`);
  const { success, data, error } = schema.safeParse(environment);
  const faults = (error?.issues ?? []).map(({ path, message }) => {
    const name = String(path[0]);
    // A URL may hold a password.
    const given = name === 'SETPOINT_MQTT_URL' ? 'the value' : JSON.stringify(environment[name]);
    return `${name}: ${given} ${message.startsWith('must') ? message : `is wrong: ${message}`}`;
  });
  if (!success || strangers.length > 0) return { kind: 'faults', faults: [...faults, ...strangers] };
  return { kind: 'settings', settings: toSettings(data, isTerminal) };
}

/**
 * Kubernetes tells every pod the address of every service, in variables like SETPOINT_PORT=tcp://10.0.0.1:1883 for one
 * that is named setpoint. None of them is a setting.
 */
function withoutServiceLinks(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isLink = (name: string, value = ''): boolean =>
    /_SERVICE_(HOST|PORT(_.*)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (/_PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(value));
  return Object.fromEntries(Object.entries(environment).filter(([name, value]) => !isLink(name, value)));
}

const toSettings = (data: z.output<typeof schema>, isTerminal: boolean): Settings => ({
  mqttUrl: data.SETPOINT_MQTT_URL,
  brokerHost: data.SETPOINT_BROKER_HOST,
  brokerPort: data.SETPOINT_BROKER_PORT,
  configDir: data.SETPOINT_CONFIG_DIR,
  rulesDir: data.SETPOINT_RULES_DIR,
  allowsNewKey: data.SETPOINT_NEW_KEY === 'true',
  isStrictStart: data.SETPOINT_STRICT_START === 'true',
  includeDirs: data.SETPOINT_INCLUDE_DIRS.split(delimiter).filter((folder) => folder !== ''),
  envFile: data.SETPOINT_ENV_FILE,
  dataDir: data.SETPOINT_DATA_DIR,
  prefix: data.SETPOINT_PREFIX,
  id: data.SETPOINT_ID,
  httpHost: data.SETPOINT_HTTP_HOST,
  httpPort: data.SETPOINT_HTTP_PORT,
  httpKeysFile: data.SETPOINT_HTTP_KEYS,
  logLevel: data.SETPOINT_LOG_LEVEL,
  logFormat: data.SETPOINT_LOG_FORMAT ?? (isTerminal ? 'pretty' : 'json'),
  operatorKeysFile: data.SETPOINT_OPERATOR_KEYS,
  maxEnvelopeBytes: data.SETPOINT_MAX_ENVELOPE_BYTES,
});

function isPrefix(text: string): boolean {
  try {
    createTopics(text);
    return true;
  } catch {
    return false;
  }
}
