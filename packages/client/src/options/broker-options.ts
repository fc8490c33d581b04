import type { Bus, BusOptions } from '@setpoint/bus';
import { parseBrokerUrl } from '@setpoint/bus/internal';
import type { BrokerUrl, MqttTlsOptions } from '@setpoint/bus/mqtt';
import { brokerSchemes } from '#runtime/broker-access';
import {
  aFunction,
  anObject,
  anything,
  aSwitch,
  isRecord,
  mustBe,
  numberFrom,
  type Rule,
  type Rules,
  wholeFrom,
} from './option-rules.ts';

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * How `connect` reaches a broker, and by which names the process is known there. Options that are left out are looked up
 * in `environment`.
 */
export interface BrokerOptions {
  /** Where `MQTT_…` variables are read from, usually `process.env`. @default no variable is read */
  readonly environment?: Environment;
  /**
   * `mqtt://`, `mqtts://`, `ws://` or `wss://` (in a browser only the last two). User and password are percent-encoded.
   * Several brokers are tried in their order; see `MqttBusOptions`. A broker with TLS options of its own is written
   * `{ url, tls }`. In the environment: `MQTT_URL`.
   */
  readonly url?: string | readonly (string | BrokerUrl)[];
  /** Makes the bus, in place of `url`: for the broker in memory, or an adapter of your own. */
  readonly bus?: (options: BusOptions) => Bus;
  /** The MQTT client id, unique at the broker. `MQTT_CLIENT_ID`. @default prefix and instance */
  readonly clientId?: string;
  /** The source that messages to other services name. `MQTT_SOURCE_NAME`. @default the client id */
  readonly sourceName?: string;
  /** From 1 to 3600. The broker declares this process lost after one and a half times this. Seconds. `MQTT_KEEPALIVE`. @default 15 */
  readonly keepaliveSeconds?: number;
  /** Whether to report health, retained, with a Last Will. Without it nobody sees what runs here. `MQTT_ENABLE_HEALTH`. @default true */
  readonly enableHealth?: boolean;
  /** Whether to send keepalives. `MQTT_ENABLE_HEARTBEAT`. @default true */
  readonly enableHeartbeat?: boolean;
  /**
   * The time between keepalives, and between checks that the broker answers: after three without an answer the process
   * reconnects. From 100. Milliseconds. `MQTT_HEARTBEAT_INTERVAL`, in seconds, from 1. @default 5000
   */
  readonly heartbeatIntervalMs?: number;
  /** How long a delivered message is remembered, to drop its duplicates. With 0, duplicates are delivered. Milliseconds. `MQTT_DEDUPE_TTL`. @default 30000 */
  readonly dedupeTtlMs?: number;
  /** How many delivered messages are remembered, from 1 to 1000000. `MQTT_DEDUPE_MAX_ENTRIES`. @default 2048 */
  readonly dedupeMaxEntries?: number;
  /** The longest delay before the second attempt to connect; each further attempt doubles it. From 100, to `reconnectMaxDelayMs`. Milliseconds. `MQTT_RECONNECT_MIN_DELAY`. @default 500 */
  readonly reconnectMinDelayMs?: number;
  /** The longest delay before any attempt to connect, from `reconnectMinDelayMs`. Milliseconds. `MQTT_RECONNECT_MAX_DELAY`. @default 5000 */
  readonly reconnectMaxDelayMs?: number;
  /**
   * TLS for every URL, which must then be `mqtts://` or `wss://`. Not available in a browser. In the environment: the files
   * `MQTT_TLS_CA`, `_CERT` and `_KEY`; `MQTT_TLS_SERVER_NAME`, `MQTT_TLS_ALPN`.
   */
  readonly tls?: MqttTlsOptions;
}

/** A client id stands in the `source` of messages, and brokers put it into topics and logs. */
export const aClientName: Rule = mustBe(
  'must be 1 to 256 of letters, digits, ".", "_", ":", "@" and "-"',
  (name) => typeof name === 'string' && /^[\w.:@-]{1,256}$/.test(name),
);

const listOfSchemes = brokerSchemes
  .map((scheme) => `${scheme}://`)
  .join(', ')
  .replace(/, (\w+:\/\/)$/, ' or $1');

const urlRequirement = `must be ${listOfSchemes} with a host, user and password percent-encoded`;

/** Accepts the URL of one broker. The fault never repeats the URL, because part of it may be a password. */
export const aBrokerUrl: Rule = mustBe(urlRequirement, isBrokerUrl);

/** The rule of each broker option on its own. */
export const brokerRules: Rules<BrokerOptions> = {
  environment: anObject,
  url: mustBe(urlRequirement, isBrokerUrlOrList),
  bus: aFunction,
  clientId: aClientName,
  sourceName: aClientName,
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

/** The values are checked by the bus, which also knows whether they can be used together. */
export const tlsRules: Rules<MqttTlsOptions> = {
  ca: anything,
  cert: anything,
  key: anything,
  servername: anything,
  alpn: anything,
};

function isBrokerUrl(text: unknown): boolean {
  if (typeof text !== 'string' || !/^\w+:\/\/[^/]/.test(text) || !URL.canParse(text)) return false;
  if (!brokerSchemes.includes(new URL(text).protocol.slice(0, -1))) return false;
  try {
    return !parseBrokerUrl(text).host.includes(',');
  } catch {
    return false;
  }
}

function isBrokerUrlOrList(url: unknown): boolean {
  if (!Array.isArray(url)) return isBrokerUrl(url);
  return url.length > 0 && url.every((item: unknown) => isBrokerUrl(isRecord(item) ? item.url : item));
}
