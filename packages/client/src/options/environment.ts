import type { MqttTlsOptions } from '@setpoint/bus/mqtt';
import { readTlsFile } from '#runtime/broker-access';
import { aBrokerUrl, aClientName, type BrokerOptions } from './broker-options.ts';
import { isRecord, type OnFault } from './option-rules.ts';

/** What `readEnvironment` found. */
export interface EnvironmentOptions {
  readonly options: Omit<BrokerOptions, 'environment' | 'bus'>;
  /** Whether `MQTT_URL` is set to something that is not a URL, which has been reported. */
  readonly isUrlInvalid: boolean;
  /** The variables that the TLS options were read from, by option. */
  readonly tlsVariables: Readonly<Partial<Record<keyof MqttTlsOptions, string>>>;
}

/** A variable that holds a number. */
interface Quantity {
  readonly variable: string;
  /** Bounds, in the variable's unit: seconds, or a count. */
  readonly least: number;
  readonly most: number;
  readonly isWhole: boolean;
  /** By what the variable is multiplied to get the option. */
  readonly factor: number;
}

/** The longest time that a timer can wait. Seconds. */
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

/** Returns a variable without the spaces around it; empty if it is not set. */
type ReadVariable = (variable: string) => string;

/** Returns the value that a text stands for, or what the text must be. */
type Parse = (text: string) => { readonly value: unknown } | { readonly fault: string };

/** Whether a variable counts as set. One that is present and empty does not. */
export const isSet = (text: unknown): boolean => text !== undefined && String(text).trim() !== '';

/**
 * Reads the options that the code leaves out. Variables of options that the code gives are not even looked at. Faults
 * never repeat a value.
 */
export function readEnvironment(given: BrokerOptions, onFault: OnFault): EnvironmentOptions {
  const environment: Readonly<Record<string, unknown>> = isRecord(given.environment) ? given.environment : {};
  const options: Record<string, unknown> = {};
  const readVariable: ReadVariable = (variable) => {
    const text = environment[variable] ?? '';
    if (typeof text === 'string') return text.trim();
    onFault(`environment/${variable}`, 'must be a text');
    return '';
  };
  const read = (option: keyof BrokerOptions, variable: string, parse: Parse): void => {
    const text = given[option] === undefined ? readVariable(variable) : '';
    if (text === '') return;
    const parsed = parse(text);
    if ('fault' in parsed) onFault(`environment/${variable}`, parsed.fault);
    else options[option] = parsed.value;
  };

  // A bus of the caller's connects in its own way.
  const isMqtt = given.bus === undefined;
  if (isMqtt) read('url', 'MQTT_URL', parseUrls);
  for (const [option, variable] of entriesOf(names)) read(option, variable, parseClientName);
  for (const [option, variable] of entriesOf(switches)) read(option, variable, parseSwitch);
  for (const [option, quantity] of entriesOf(quantities)) {
    read(option, quantity.variable, (text) => parseQuantity(text, quantity));
  }
  const tls = isMqtt ? readTls(readVariable, given.tls, onFault) : {};
  const isUrlInvalid =
    isMqtt && given.url === undefined && options.url === undefined && isSet(environment.MQTT_URL ?? '');
  return {
    options: { ...options, ...(Object.keys(tls).length > 0 && { tls }) },
    isUrlInvalid,
    tlsVariables: Object.fromEntries(Object.entries(tlsVariables).filter(([name]) => name in tls)),
  };
}

/** The entries of a table, with the type of its keys. */
const entriesOf = <Name extends string, Value>(table: Readonly<Record<Name, Value>>): [Name, Value][] =>
  Object.entries(table) as [Name, Value][];

function seconds(variable: string, least: number): Quantity {
  return { variable, least, most: longestSeconds, isWhole: false, factor: 1000 };
}

/** Only a comma before a scheme separates two URLs, because a password may contain one. */
function parseUrls(text: string): ReturnType<Parse> {
  const urls = text.split(/,\s*(?=[a-z][a-z0-9+.-]*:\/\/)/i).map((url) => url.trim());
  const fault = urls.map(aBrokerUrl).find((found) => found !== undefined);
  return fault === undefined ? { value: urls } : { fault };
}

function parseClientName(text: string): ReturnType<Parse> {
  const fault = aClientName(text);
  return fault === undefined ? { value: text } : { fault };
}

function parseQuantity(text: string, { least, most, isWhole, factor }: Quantity): ReturnType<Parse> {
  const value = (isWhole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return { value: Math.round(value * factor) };
  const unit = factor === 1000 ? ' seconds' : '';
  return { fault: `must be ${isWhole ? 'a whole number ' : ''}from ${least} to ${most}${unit}` };
}

function parseSwitch(text: string): ReturnType<Parse> {
  if (/^(true|yes|on|1)$/i.test(text)) return { value: true };
  return /^(false|no|off|0)$/i.test(text) ? { value: false } : { fault: 'must be true or false' };
}

function readTls(readVariable: ReadVariable, given: MqttTlsOptions | undefined, onFault: OnFault): MqttTlsOptions {
  const read: { -readonly [Name in keyof MqttTlsOptions]: MqttTlsOptions[Name] } = {};
  const readMissing = (name: keyof MqttTlsOptions): string =>
    given?.[name] === undefined ? readVariable(tlsVariables[name]) : '';
  for (const [name, variable] of entriesOf(tlsFiles)) {
    const file = readMissing(name);
    if (file === '') continue;
    try {
      read[name] = readTlsFile(file);
    } catch (cause) {
      onFault(`environment/${variable}`, `names a file that can't be read: ${(cause as NodeJS.ErrnoException).code}`);
    }
  }
  const serverName = readMissing('servername');
  if (serverName !== '') read.servername = serverName;
  const protocols = readMissing('alpn')
    .split(',')
    .map((protocol) => protocol.trim());
  if (protocols.every((protocol) => protocol === '')) return read;
  if (protocols.every(isAlpnProtocol)) read.alpn = protocols;
  else onFault('environment/MQTT_TLS_ALPN', 'must be protocol names of 1 to 255 bytes, separated by commas');
  return read;
}

const isAlpnProtocol = (protocol: string): boolean =>
  protocol !== '' && new TextEncoder().encode(protocol).length <= 255;
