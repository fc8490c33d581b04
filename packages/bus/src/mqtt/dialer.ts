import { createRequire } from 'node:module';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { MqttClient } from 'mqtt';
import { BusError, describeError } from '../bus-error.ts';
import type { BrokerAddress } from './broker-url.ts';
import type { MqttTlsOptions } from './mqtt-options.ts';

/** The stream that MQTT.js reads packets from. */
type Wire = MqttClient['stream'];

/**
 * Returns a function that opens a stream to the broker. Nagle's algorithm is off from the first byte: MQTT.js leaves it on, and a
 * small packet behind another one then waits 40 ms for the peer's delayed acknowledgement.
 * @throws BusError `tls_invalid`, now and not at some later reconnect inside a timer
 */
export function createDialer(address: BrokerAddress, options: MqttTlsOptions = {}): (client: MqttClient) => Wire {
  const dial = createBareDialer(address, options);
  return (client) => {
    try {
      return dial(client);
    } catch (cause) {
      // Thrown out of a timer it would end the process, or all further attempts; it counts as a failed attempt instead.
      return failedStream(cause);
    }
  };
}

function createBareDialer(address: BrokerAddress, options: MqttTlsOptions): (client: MqttClient) => Wire {
  const { host, port, secure, over } = address;
  const tlsOptions = secure ? createTlsOptions(host, options) : {};
  if (over === 'websocket') return createWebSocketDialer(address, tlsOptions);
  if (!secure) return () => net.connect({ host, port, noDelay: true });
  return () => tls.connect({ host, port, ...tlsOptions }).setNoDelay(true);
}

/** A stream that ends with the error, after its listeners were added. */
function failedStream(cause: unknown): Wire {
  const stream = new Duplex({ read: () => {}, write: (_piece, _encoding, written) => written() });
  setImmediate(() => stream.destroy(cause instanceof Error ? cause : new Error(String(cause))));
  return stream;
}

/** MQTT.js brings the WebSocket; only users of one load it. */
function createWebSocketDialer(
  { host, port, path, secure }: BrokerAddress,
  tlsOptions: tls.ConnectionOptions,
): (client: MqttClient) => Wire {
  const require = createRequire(import.meta.url);
  const { streamBuilder } = require('mqtt/lib/connect/ws') as typeof import('mqtt/lib/connect/ws');
  const hostname = net.isIPv6(host) ? `[${host}]` : host;
  // Compression would cost memory for each connection.
  const wsOptions = { ...tlsOptions, perMessageDeflate: false };
  return (client) => {
    const stream = streamBuilder(client, { protocol: secure ? 'wss' : 'ws', hostname, port, path, wsOptions });
    // MQTT.js writes a packet in up to ten pieces, and each would be a frame: some brokers stumble over that.
    stream._writev = (pieces: readonly { chunk: Uint8Array }[], written: (error?: Error | null) => void) => {
      stream._write(Buffer.concat(pieces.map(({ chunk }) => chunk)), 'utf8', written);
    };
    return stream;
  };
}

function createTlsOptions(host: string, options: MqttTlsOptions): tls.ConnectionOptions {
  const servername = options.servername ?? (net.isIP(host) === 0 ? host : undefined);
  return {
    secureContext: createSecureContext(options),
    ...(servername === undefined ? {} : { servername }),
    ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] }),
  };
}

function createSecureContext({ ca, cert, key }: MqttTlsOptions): tls.SecureContext {
  try {
    return tls.createSecureContext({ ...pem('ca', ca), ...pem('cert', cert), ...pem('key', key) });
  } catch (cause) {
    throw new BusError('tls_invalid', `can't use the TLS certificate, key or authority: ${describeError(cause)}`, {
      cause,
    });
  }
}

function pem(name: 'ca' | 'cert' | 'key', value: string | Uint8Array | undefined): tls.SecureContextOptions {
  return value === undefined ? {} : { [name]: typeof value === 'string' ? value : Buffer.from(value) };
}
