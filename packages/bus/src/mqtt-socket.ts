import net from 'node:net';
import tls from 'node:tls';
import { BusError } from './bus.ts';
import type { MqttTlsOptions } from './mqtt.ts';
import type { BrokerAddress } from './mqtt-url.ts';
import { describeError } from './options.ts';

/**
 * Returns what opens a socket to the broker. Nagle's algorithm is off from the first byte: MQTT.js leaves it on, and a
 * small packet behind another one then waits 40 ms for the peer's delayed acknowledgement.
 * @throws BusError `tls_invalid`, now and not at some later reconnect inside a timer
 */
export function createDialer(address: BrokerAddress, options: MqttTlsOptions = {}): () => net.Socket {
  const { host, port, secure } = address;
  if (!secure) return () => net.connect({ host, port, noDelay: true });
  const secureContext = createSecureContext(options);
  const servername = options.servername ?? (net.isIP(host) === 0 ? host : undefined);
  return () => {
    const socket = tls.connect({ host, port, secureContext, ...(servername === undefined ? {} : { servername }) });
    return socket.setNoDelay(true);
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
