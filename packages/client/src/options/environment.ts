import type { MqttTlsOptions } from '@setpoint/bus/mqtt';
import { readTlsFile } from '#runtime/broker-access';
import type { BrokerOptions } from './broker-options.ts';
import { clientNameRule, isBrokerUrl, isClientName, type OnFault, urlRule } from './broker-rules.ts';
import { isRecord } from './option-rules.ts';

/** The shape of `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

type Read = Omit<BrokerOptions, 'environment' | 'bus'> & {
  /** There is one that can't be used, and a fault says so. */
  readonly isUrlFaulty: boolean;
  /** Which variables the TLS options are from. */
  readonly tlsVariables: Readonly<Partial<Record<keyof MqttTlsOptions, string>>>;
};

interface Quantity {
  readonly variable: string;
  /** In the unit of the variable: seconds, or a count. */
  readonly least: number;
  readonly most: number;
  readonly isWhole: boolean;
  /** What one of the variable is in the option. */
  readonly factor: number;
}

/** A timer can not wait longer. Seconds. */
const longestSeconds = 2_147_483;

const quantities = {
  keepaliveSeconds: { variable: 'MQTT_KEEPALIVE', least: 1, most: 3600, isWhole: true, factor: 1 },
  heartbeatIntervalMs: seconds('MQTT_HEARTBEAT_INTERVAL', 1),
  dedupeTtlMs: seconds('MQTT_DEDUPE_TTL', 0),
  dedupeMaxEntries: { variable: 'MQTT_DEDUPE_MAX_ENTRIES', least: 1, most: 1_000_000, isWhole: true, factor: 1 },
  reconnectMinDelayMs: seconds('MQTT_RECONNECT_MIN_DELAY', 0.1),
  reconnectMaxDelayMs: seconds('MQTT_RECONNECT_MAX_DELAY', 0.1),
} as const satisfies Readonly<Record<string, Quantity>>;

const switches = { enableHealth: 'MQTT_ENABLE_HEALTH', enableHeartbeat: 'MQTT_ENABLE_HEARTBEAT' } as const;

const names = { clientId: 'MQTT_CLIENT_ID', sourceName: 'MQTT_SOURCE_NAME' } as const;

const tlsFiles = { ca: 'MQTT_TLS_CA', cert: 'MQTT_TLS_CERT', key: 'MQTT_TLS_KEY' } as const;

const tlsVariables = { ...tlsFiles, servername: 'MQTT_TLS_SERVER_NAME', alpn: 'MQTT_TLS_ALPN' } as const;

/** A variable without the spaces around it; empty where it is not set. */
type TextOf = (variable: string) => string;

/**
 * Reads what the code did not give. A variable that is present and empty counts as not set; one whose option the code
 * gives is not looked at. No fault repeats a value.
 */
export function readEnvironment(given: BrokerOptions, onFault: OnFault): Read {
  const environment: Readonly<Record<string, unknown>> = isRecord(given.environment) ? given.environment : {};
  const read: Record<string, unknown> = {};
  const textOf: TextOf = (variable) => {
    const text = environment[variable] ?? '';
    if (typeof text === 'string') return text.trim();
    onFault(`environment/${variable}`, 'must be a text');
    return '';
  };
  const take = <T>(option: string, variable: string, parse: (text: string) => T | undefined, rule: string): void => {
    const text = given[option as keyof BrokerOptions] === undefined ? textOf(variable) : '';
    if (text === '') return;
    const value = parse(text);
    if (value === undefined) onFault(`environment/${variable}`, rule);
    else read[option] = value;
  };

  if (given.bus === undefined) take('url', 'MQTT_URL', parseUrls, urlRule);
  for (const [option, variable] of Object.entries(names)) {
    take(option, variable, (text) => (isClientName(text) ? text : undefined), clientNameRule);
  }
  for (const [option, variable] of Object.entries(switches))
    take(option, variable, parseSwitch, 'must be true or false');
  for (const [option, quantity] of Object.entries(quantities)) {
    take(option, quantity.variable, (text) => parseQuantity(text, quantity), ruleOf(quantity));
  }
  // A bus of one's own has its own way to its broker.
  const tls = given.bus === undefined ? readTls(textOf, given.tls, onFault) : {};
  const isUrlSet = given.bus === undefined && String(environment.MQTT_URL ?? '').trim() !== '';
  const isUrlFaulty = isUrlSet && given.url === undefined && read.url === undefined;
  const isRead = ([name]: readonly [string, string]): boolean => name in tls;
  return {
    ...read,
    ...(Object.keys(tls).length > 0 && { tls }),
    isUrlFaulty,
    tlsVariables: Object.fromEntries(Object.entries(tlsVariables).filter(isRead)),
  };
}

function seconds(variable: string, least: number): Quantity {
  return { variable, least, most: longestSeconds, isWhole: false, factor: 1000 };
}

function ruleOf({ least, most, isWhole, factor }: Quantity): string {
  return `must be ${isWhole ? 'a whole number ' : ''}from ${least} to ${most}${factor === 1000 ? ' seconds' : ''}`;
}

/** Only a comma before a scheme parts two, so that one in a password stays in its password. */
function parseUrls(text: string): readonly string[] | undefined {
  const urls = text.split(/,\s*(?=[a-z][a-z0-9+.-]*:\/\/)/i).map((url) => url.trim());
  return urls.every(isBrokerUrl) ? urls : undefined;
}

function parseQuantity(text: string, { least, most, isWhole, factor }: Quantity): number | undefined {
  if (!(isWhole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? Math.round(value * factor) : undefined;
}

function parseSwitch(text: string): boolean | undefined {
  if (/^(true|yes|on|1)$/i.test(text)) return true;
  return /^(false|no|off|0)$/i.test(text) ? false : undefined;
}

function readTls(textOf: TextOf, given: MqttTlsOptions | undefined, onFault: OnFault): MqttTlsOptions {
  const read: { -readonly [Name in keyof MqttTlsOptions]: MqttTlsOptions[Name] } = {};
  const wanted = (name: keyof MqttTlsOptions): string =>
    given?.[name] === undefined ? textOf(tlsVariables[name]) : '';
  for (const [name, variable] of Object.entries(tlsFiles) as [keyof typeof tlsFiles, string][]) {
    const file = wanted(name);
    if (file === '') continue;
    try {
      read[name] = readTlsFile(file);
    } catch (cause) {
      onFault(`environment/${variable}`, `names a file that can't be read: ${(cause as NodeJS.ErrnoException).code}`);
    }
  }
  const serverName = wanted('servername');
  if (serverName !== '') read.servername = serverName;
  const alpn = wanted('alpn')
    .split(',')
    .map((protocol) => protocol.trim());
  if (alpn.some((protocol) => protocol !== '')) {
    if (alpn.every((protocol) => protocol !== '' && new TextEncoder().encode(protocol).length <= 255)) read.alpn = alpn;
    else onFault('environment/MQTT_TLS_ALPN', 'must be protocol names of 1 to 255 bytes, separated by commas');
  }
  return read;
}
