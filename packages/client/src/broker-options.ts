import type { Bus, BusOptions } from '@setpoint/bus';
import type { MqttTlsOptions } from '@setpoint/bus/mqtt';
import { clientNameRule, isBrokerUrl, isClientName, type OnFault, urlRule } from './broker-rules.ts';
import { type Environment, readEnvironment } from './environment.ts';

/**
 * How `connect` reaches a broker, and what it says of itself there. What is left out here is looked for in `environment`.
 */
export interface BrokerOptions {
  /** What `MQTT_…` variables are read from: `process.env`. @default nothing is read */
  readonly environment?: Environment;
  /**
   * `mqtt://`, `mqtts://`, `ws://` or `wss://`, with user and password, percent-encoded, where the broker asks for them.
   * Several are tried in their order; see `MqttBusOptions`. In the environment, `MQTT_URL`.
   */
  readonly url?: string | readonly string[];
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
  /** Ceiling of the second attempt's delay; doubled by each further one. From 100. `MQTT_RECONNECT_MIN_DELAY`. @default 500 */
  readonly reconnectMinDelayMs?: number;
  /** Ceiling of every delay, from `reconnectMinDelayMs`. Milliseconds. `MQTT_RECONNECT_MAX_DELAY`. @default 5000 */
  readonly reconnectMaxDelayMs?: number;
  /** For `mqtts://` and `wss://`. The files `MQTT_TLS_CA`, `_CERT`, `_KEY`; `MQTT_TLS_SERVER_NAME`, `MQTT_TLS_ALPN`. */
  readonly tls?: MqttTlsOptions;
}

/** With nothing left open but the names that depend on the instance. */
export interface ResolvedBrokerOptions {
  readonly urls: readonly string[];
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

const longestTimerMs = 2_147_483_647;

/** Checks and completes the options; the environment gives what the code does not. */
export function resolveBrokerOptions(given: BrokerOptions, onFault: OnFault): ResolvedBrokerOptions {
  checkUrls(given, onFault);
  for (const name of ['clientId', 'sourceName'] as const) {
    const value = given[name];
    if (value !== undefined && !isClientName(value)) onFault(name, clientNameRule);
  }
  for (const name of ['enableHealth', 'enableHeartbeat'] as const) {
    if (typeof (given[name] ?? true) !== 'boolean') onFault(name, 'must be true or false');
  }
  checkNumbers(given, onFault);
  const read = readEnvironment(given, onFault);
  if (given.url === undefined && given.bus === undefined && read.url === undefined && !read.isUrlFaulty) {
    onFault('url', 'give either url or bus');
  }
  const options = { ...read, ...withoutUndefined(given) };
  const { url = [], reconnectMinDelayMs = 500, reconnectMaxDelayMs = Math.max(5000, reconnectMinDelayMs) } = options;
  // One that is out of its own bounds has been told already.
  if (reconnectMaxDelayMs < reconnectMinDelayMs && reconnectMaxDelayMs >= bounds.reconnectMaxDelayMs.least) {
    const isRead = given.reconnectMaxDelayMs === undefined;
    onFault(
      isRead ? 'environment/MQTT_RECONNECT_MAX_DELAY' : 'reconnectMaxDelayMs',
      'must not be less than the shortest delay',
    );
  }
  const tls = { ...read.tls, ...given.tls };
  return {
    urls: typeof url === 'string' ? [url] : url,
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

function checkUrls({ url, bus }: BrokerOptions, onFault: OnFault): void {
  if (url !== undefined && bus !== undefined) onFault('url', 'give either url or bus');
  if (url === undefined) return;
  const urls: readonly unknown[] = Array.isArray(url) ? url : [url];
  if (urls.length === 0 || !urls.every(isBrokerUrl)) onFault('url', urlRule);
}

const bounds = {
  keepaliveSeconds: { least: 1, most: 3600, isWhole: true },
  heartbeatIntervalMs: { least: 100, most: longestTimerMs, isWhole: false },
  dedupeTtlMs: { least: 0, most: longestTimerMs, isWhole: false },
  dedupeMaxEntries: { least: 1, most: 1_000_000, isWhole: true },
  reconnectMinDelayMs: { least: 100, most: longestTimerMs, isWhole: false },
  reconnectMaxDelayMs: { least: 100, most: longestTimerMs, isWhole: false },
} as const;

function checkNumbers(given: BrokerOptions, onFault: OnFault): void {
  for (const name of Object.keys(bounds) as (keyof typeof bounds)[]) {
    const value: unknown = given[name];
    const { least, most, isWhole } = bounds[name];
    const isRight = typeof value === 'number' && value >= least && value <= most;
    if (value === undefined || (isRight && (!isWhole || Number.isInteger(value)))) continue;
    onFault(name, `must be ${isWhole ? 'a whole number from ' : ''}${least} to ${most}`);
  }
}

function withoutUndefined(options: BrokerOptions): BrokerOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
