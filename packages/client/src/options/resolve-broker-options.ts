import { type BrokersOptions, findBrokerTlsFaults } from '@setpoint/bus/internal';
import type { BrokerUrl, MqttTlsOptions } from '@setpoint/bus/mqtt';
import { type BrokerOptions, brokerRules, tlsRules } from './broker-options.ts';
import { type EnvironmentOptions, isSet, readEnvironment } from './environment.ts';
import { isRecord, keepValid, keepValidMembers, type OnFault, reportUnknownNames } from './option-rules.ts';

/** The broker options with every default filled in, but for the names that depend on the instance. */
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

/** Checks the broker options, and fills in what the environment says and then the defaults. */
export function resolveBrokerOptions(given: BrokerOptions, onFault: OnFault): ResolvedBrokerOptions {
  const valid = keepValid<BrokerOptions>(given, brokerRules, { onFault });
  const ownTls = keepValidMembers<MqttTlsOptions>(given.tls, tlsRules, { option: 'tls', onFault });
  const read = readEnvironment({ ...given, tls: ownTls }, onFault);
  checkOneBroker(given, read, onFault);
  const options = { ...read.options, ...valid };
  const { reconnectMinDelayMs = 500, reconnectMaxDelayMs = 5000 } = options;
  checkDelays(given, read.options, { reconnectMinDelayMs, reconnectMaxDelayMs }, onFault);
  const urls = typeof options.url === 'string' ? [options.url] : (options.url ?? []);
  const tls = { ...read.options.tls, ...ownTls };
  // A bus of the caller's connects in its own way.
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

function checkOneBroker(given: BrokerOptions, read: EnvironmentOptions, onFault: OnFault): void {
  if (given.url !== undefined && given.bus !== undefined) return onFault('url', 'give either url or bus');
  if (given.url !== undefined || given.bus !== undefined) return;
  if (read.options.url !== undefined || read.isUrlInvalid) return;
  if (isRecord(given.environment)) onFault('environment/MQTT_URL', 'is not set, and neither url nor bus is given');
  else onFault('url', 'give either url or bus');
}

/** Checks one broker of a list, which may have TLS options of its own. */
function checkItem(item: BrokerUrl, index: number, onFault: OnFault): BrokerUrl {
  reportUnknownNames(item, ['url', 'tls'], { prefix: `url/${index}/`, onFault });
  const tls = keepValidMembers<MqttTlsOptions>(item.tls, tlsRules, { option: `url/${index}/tls`, onFault });
  return { url: item.url, tls };
}

type Delays = Required<Pick<BrokerOptions, 'reconnectMinDelayMs' | 'reconnectMaxDelayMs'>>;

/**
 * Reports delays that contradict each other, at the longest one if the caller set it, else at the shortest. A delay that is
 * wrong by itself has been reported already.
 */
function checkDelays(given: BrokerOptions, read: BrokerOptions, delays: Delays, onFault: OnFault): void {
  const { reconnectMinDelayMs, reconnectMaxDelayMs } = delays;
  if (reconnectMaxDelayMs >= reconnectMinDelayMs) return;
  const isMaxGiven = given.reconnectMaxDelayMs === reconnectMaxDelayMs;
  if (isMaxGiven || read.reconnectMaxDelayMs === reconnectMaxDelayMs) {
    const option = isMaxGiven ? 'reconnectMaxDelayMs' : 'environment/MQTT_RECONNECT_MAX_DELAY';
    return onFault(option, 'must not be less than the shortest delay');
  }
  const isMaxInvalid = given.reconnectMaxDelayMs !== undefined || isSet(given.environment?.MQTT_RECONNECT_MAX_DELAY);
  if (isMaxInvalid) return;
  const option =
    given.reconnectMinDelayMs === undefined ? 'environment/MQTT_RECONNECT_MIN_DELAY' : 'reconnectMinDelayMs';
  onFault(option, `must not be more than the longest delay, which is ${reconnectMaxDelayMs} ms by default`);
}

/** Reports what the bus finds wrong with the TLS options, at the variable where the value was read from one. */
function checkTls(
  options: BrokersOptions,
  own: MqttTlsOptions,
  variables: EnvironmentOptions['tlsVariables'],
  onFault: OnFault,
): void {
  const variableOf = new Map<string, string>(Object.entries(variables));
  const [firstVariable] = variableOf.values();
  for (const { option, message } of findBrokerTlsFaults(options)) {
    const variable = option === 'tls' ? firstVariable : variableOf.get(option.replace(/^tls\//, ''));
    const isFromVariable = variable !== undefined && (option !== 'tls' || Object.keys(own).length === 0);
    onFault(isFromVariable ? `environment/${variable}` : option, message);
  }
}
