import { type BrokersOptions, type Bus, type BusOptions, findBrokerTlsFaults } from '@setpoint/bus';
import type { BrokerUrl, MqttTlsOptions } from '@setpoint/bus/mqtt';
import { clientNameRule, isBrokerUrl, isClientName, type OnFault, urlRule } from './broker-rules.ts';
import { type Environment, readEnvironment } from './environment.ts';
import {
  aFunction,
  anObject,
  anything,
  aSwitch,
  checkNames,
  isRecord,
  keepFitting,
  keepFittingWithin,
  mustBe,
  numberFrom,
  type Rules,
  wholeFrom,
} from './option-rules.ts';

/**
 * How `connect` reaches a broker, and what it says of itself there. What is left out here is looked for in `environment`.
 */
export interface BrokerOptions {
  /** What `MQTT_…` variables are read from: `process.env`. @default nothing is read */
  readonly environment?: Environment;
  /**
   * `mqtt://`, `mqtts://`, `ws://` or `wss://` (in a browser these two alone), with user and password, percent-encoded, where the broker asks for them.
   * Several are tried in their order; see `MqttBusOptions`. One of several may have TLS options of its own:
   * `{ url, tls }`. In the environment, `MQTT_URL`.
   */
  readonly url?: string | readonly (string | BrokerUrl)[];
  /** Instead of `url`: makes the bus, for a broker in memory or an adapter of your own. */
  readonly bus?: (options: BusOptions) => Bus;
  /** What the broker knows this process by, unique among all. `MQTT_CLIENT_ID`. @default prefix and instance */
  readonly clientId?: string;
  /** What messages to other services name as their source. `MQTT_SOURCE_NAME`. @default the client id */
  readonly sourceName?: string;
  /** From 1 to 3600; the broker misses this process after one and a half. Seconds. `MQTT_KEEPALIVE`. @default 15 */
  readonly keepaliveSeconds?: number;
  /** Report health, retained, with a Last Will; without it nobody sees what runs here. `MQTT_ENABLE_HEALTH`. @default true */
  readonly enableHealth?: boolean;
  /** Send signs of life. `MQTT_ENABLE_HEARTBEAT`. @default true */
  readonly enableHeartbeat?: boolean;
  /**
   * Between signs of life, and between questions to the broker whether it is there: the connection is made anew when it
   * has been silent for three. From 100. Milliseconds. `MQTT_HEARTBEAT_INTERVAL`, in seconds, from 1. @default 5000
   */
  readonly heartbeatIntervalMs?: number;
  /** How long a delivered message is remembered; 0: duplicates are delivered. Milliseconds. `MQTT_DEDUPE_TTL`. @default 30000 */
  readonly dedupeTtlMs?: number;
  /** How many delivered messages are remembered, from 1 to 1000000. `MQTT_DEDUPE_MAX_ENTRIES`. @default 2048 */
  readonly dedupeMaxEntries?: number;
  /** Ceiling of the second attempt's delay; doubled by each further one. From 100, to `reconnectMaxDelayMs`. Milliseconds. `MQTT_RECONNECT_MIN_DELAY`. @default 500 */
  readonly reconnectMinDelayMs?: number;
  /** Ceiling of every delay, from `reconnectMinDelayMs`. Milliseconds. `MQTT_RECONNECT_MAX_DELAY`. @default 5000 */
  readonly reconnectMaxDelayMs?: number;
  /**
   * For all URLs, which are then `mqtts://` or `wss://`, and not in a browser. The files `MQTT_TLS_CA`, `_CERT`, `_KEY`;
   * `MQTT_TLS_SERVER_NAME`, `MQTT_TLS_ALPN`.
   */
  readonly tls?: MqttTlsOptions;
}

/** With nothing left open but the names that depend on the instance. */
export interface ResolvedBrokerOptions {
  readonly urls: readonly (string | BrokerUrl)[];
  readonly clientId: string | undefined;
  readonly sourceName: string | undefined;
  readonly keepaliveSeconds: number;
  readonly enableHealth: boolean;
  readonly enableHeartbeat: boolean;
  readonly heartbeatIntervalMs: number;
  readonly dedupe: { readonly ttlMs: number; readonly maxEntries: number };
  readonly reconnectMinDelayMs: number;
  readonly reconnectMaxDelayMs: number;
  readonly tls: MqttTlsOptions | undefined;
}

/** What each must be by itself. Whether `url` is one is found out with those of the environment. */
export const brokerRules: Rules<BrokerOptions> = {
  environment: anObject,
  url: mustBe(urlRule, isUrls),
  bus: aFunction,
  clientId: mustBe(clientNameRule, isClientName),
  sourceName: mustBe(clientNameRule, isClientName),
  keepaliveSeconds: wholeFrom(1, 3600),
  enableHealth: aSwitch,
  enableHeartbeat: aSwitch,
  heartbeatIntervalMs: numberFrom(100),
  dedupeTtlMs: numberFrom(0),
  dedupeMaxEntries: wholeFrom(1, 1_000_000),
  reconnectMinDelayMs: numberFrom(100),
  reconnectMaxDelayMs: numberFrom(100),
  tls: anything,
};

/** Looked into by the bus, which has to know whether they can be used together. */
const tlsRules: Rules<MqttTlsOptions> = {
  ca: anything,
  cert: anything,
  key: anything,
  servername: anything,
  alpn: anything,
};

/** Checks and completes the options; the environment gives what the code does not. */
export function resolveBrokerOptions(given: BrokerOptions, onFault: OnFault): ResolvedBrokerOptions {
  const fitting = keepFitting<BrokerOptions>(given, brokerRules, { onFault });
  if (given.url !== undefined && given.bus !== undefined) onFault('url', 'give either url or bus');
  const ownTls = keepFittingWithin<MqttTlsOptions>(given.tls, tlsRules, { place: 'tls', onFault });
  const read = readEnvironment({ ...given, tls: ownTls }, onFault);
  if (given.url === undefined && given.bus === undefined && read.url === undefined && !read.isUrlFaulty) {
    if (isRecord(given.environment)) onFault('environment/MQTT_URL', 'is not set, and neither url nor bus is given');
    else onFault('url', 'give either url or bus');
  }
  const options = { ...read, ...fitting };
  const { reconnectMinDelayMs = 500, reconnectMaxDelayMs = 5000 } = options;
  checkDelays(given, read, { reconnectMinDelayMs, reconnectMaxDelayMs }, onFault);
  const urls = typeof options.url === 'string' ? [options.url] : (options.url ?? []);
  const tls = { ...read.tls, ...ownTls };
  // A bus of one's own has its own way to its broker.
  if (given.bus === undefined) {
    const checked = urls.map((item, index) => (typeof item === 'string' ? item : checkItem(item, index, onFault)));
    checkTls({ url: checked, tls }, ownTls, read.tlsVariables, onFault);
  }
  return {
    urls,
    clientId: options.clientId,
    sourceName: options.sourceName,
    keepaliveSeconds: options.keepaliveSeconds ?? 15,
    enableHealth: options.enableHealth ?? true,
    enableHeartbeat: options.enableHeartbeat ?? true,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 5000,
    dedupe: { ttlMs: options.dedupeTtlMs ?? 30_000, maxEntries: options.dedupeMaxEntries ?? 2048 },
    reconnectMinDelayMs,
    reconnectMaxDelayMs,
    tls: Object.keys(tls).length === 0 ? undefined : tls,
  };
}

function isUrls(url: unknown): boolean {
  const urls: readonly unknown[] = Array.isArray(url) ? url : [url];
  const isOne = (item: unknown): boolean => isBrokerUrl(Array.isArray(url) && isRecord(item) ? item.url : item);
  return urls.length > 0 && urls.every(isOne);
}

/** One of several URLs, with what is an option of TLS at all. */
function checkItem(item: BrokerUrl, index: number, onFault: OnFault): BrokerUrl {
  checkNames(item, ['url', 'tls'], { place: `url/${index}/`, onFault });
  const tls = keepFittingWithin<MqttTlsOptions>(item.tls, tlsRules, { place: `url/${index}/tls`, onFault });
  return { url: item.url, tls };
}

type Delays = Required<Pick<BrokerOptions, 'reconnectMinDelayMs' | 'reconnectMaxDelayMs'>>;

/** Tells of the longest delay, where anybody says it, else of the shortest. One that is wrong by itself has been told. */
function checkDelays(given: BrokerOptions, read: BrokerOptions, delays: Delays, onFault: OnFault): void {
  const { reconnectMinDelayMs, reconnectMaxDelayMs } = delays;
  if (reconnectMaxDelayMs >= reconnectMinDelayMs) return;
  const isSaid = given.reconnectMaxDelayMs === reconnectMaxDelayMs;
  if (isSaid || read.reconnectMaxDelayMs === reconnectMaxDelayMs) {
    const option = isSaid ? 'reconnectMaxDelayMs' : 'environment/MQTT_RECONNECT_MAX_DELAY';
    return onFault(option, 'must not be less than the shortest delay');
  }
  const isFaulty = given.reconnectMaxDelayMs !== undefined || isSet(given.environment?.MQTT_RECONNECT_MAX_DELAY);
  if (isFaulty) return;
  const option =
    given.reconnectMinDelayMs === undefined ? 'environment/MQTT_RECONNECT_MIN_DELAY' : 'reconnectMinDelayMs';
  onFault(option, `must not be more than the longest delay, which is ${reconnectMaxDelayMs} ms unless you say another`);
}

const isSet = (text: unknown): boolean => text !== undefined && String(text).trim() !== '';

function checkTls(
  options: BrokersOptions,
  own: MqttTlsOptions,
  variables: Readonly<Partial<Record<string, string>>>,
  onFault: OnFault,
): void {
  const [firstVariable] = Object.values(variables);
  for (const { option, message } of findBrokerTlsFaults(options)) {
    const variable = option === 'tls' ? firstVariable : variables[option.replace(/^tls\//, '')];
    const isRead = variable !== undefined && (option !== 'tls' || Object.keys(own).length === 0);
    onFault(isRead ? `environment/${variable}` : option, message);
  }
}
