import { findTlsFaults } from '#mqtt/tls-faults';
import { BusError } from '../bus-error.ts';
import { type BrokerAddress, parseBrokerUrl, parseBrokerUrls } from './broker-url.ts';
import type { BrokerUrl, MqttBusOptions, MqttTlsOptions, TlsFault } from './mqtt-options.ts';

/** A broker and the TLS options for it. */
export interface Broker {
  readonly address: BrokerAddress;
  readonly tls: MqttTlsOptions;
}

/** URLs that may not be valid yet, each with the TLS options beside it. */
export interface BrokersOptions {
  readonly url: string | readonly (string | BrokerUrl)[];
  readonly tls?: MqttTlsOptions | undefined;
}

/**
 * Reads the brokers from the options, in the order of preference.
 * @throws BusError `url_invalid`, `tls_invalid` with every fault
 */
export function resolveBrokers({ url, tls }: Pick<MqttBusOptions, 'url' | 'tls'>): readonly [Broker, ...Broker[]] {
  const given = brokerUrls(url);
  const [first, ...others] = parseBrokerUrls(given.map(({ url }) => url));
  const faults = findBrokerTlsFaults({ url, tls });
  if (faults.length > 0) {
    const text = faults.map(({ option, message }) => `${option} ${message}`).join('; ');
    throw new BusError('tls_invalid', `can't use the TLS options: ${text}`);
  }
  const broker = (address: BrokerAddress, index: number): Broker => ({
    address,
    tls: tlsOptionsFor(address, tls, given[index]?.tls),
  });
  return [broker(first, 0), ...others.map((address, index) => broker(address, index + 1))];
}

/** Finds the faults in the TLS options for all brokers and in those of each. Skips URLs that can't be read. */
export function findBrokerTlsFaults({ url, tls }: BrokersOptions): readonly TlsFault[] {
  const brokers = brokerUrls(url).map(({ url, tls }) => ({ scheme: schemeOf(url), tls }));
  return findTlsFaults(brokers, tls);
}

const brokerUrls = (url: BrokersOptions['url']): readonly BrokerUrl[] =>
  (typeof url === 'string' ? [url] : url).map((item) => (typeof item === 'string' ? { url: item } : item));

function schemeOf(url: string): 'mqtt' | 'mqtts' | 'ws' | 'wss' | undefined {
  try {
    const { over, secure } = parseBrokerUrl(url);
    if (over === 'tcp') return secure ? 'mqtts' : 'mqtt';
    return secure ? 'wss' : 'ws';
  } catch {
    return undefined;
  }
}

function tlsOptionsFor(
  { over }: BrokerAddress,
  { alpn, ...common }: MqttTlsOptions = {},
  own: MqttTlsOptions = {},
): MqttTlsOptions {
  // Below a WebSocket the protocol is HTTP: a server that is offered "mqtt" there refuses the handshake.
  return { ...common, ...(alpn !== undefined && over === 'tcp' && { alpn }), ...withoutUndefined(own) };
}

function withoutUndefined(options: MqttTlsOptions): MqttTlsOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
