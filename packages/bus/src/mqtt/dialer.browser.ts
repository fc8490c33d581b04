import mqtt, { type MqttClient } from 'mqtt';
import { BusError, describeError } from '../bus-error.ts';
import type { BrokerAddress } from './broker-url.ts';
import type { MqttTlsOptions } from './mqtt-options.ts';

/** The stream that MQTT.js reads packets from. */
type Wire = MqttClient['stream'];

/**
 * Returns a function that opens a stream to the broker by the browser's own WebSocket.
 * @throws BusError `url_invalid` unless it is a WebSocket, `tls_invalid` for options that only the browser decides
 */
export function createDialer(address: BrokerAddress, options: MqttTlsOptions = {}): (client: MqttClient) => Wire {
  const { over, display, secure, path } = address;
  if (over !== 'websocket') {
    throw new BusError('url_invalid', `can't use the broker URL ${display}: a browser reaches ws:// and wss:// alone`);
  }
  if (Object.values(options).some((option) => option !== undefined)) {
    throw new BusError('tls_invalid', 'a browser trusts whom its user trusts; leave the TLS options out');
  }
  const url = `${display}${path}`;
  let refusal: string | undefined;
  const createWebsocket = (_: string, protocols: string[]): WebSocket => {
    refusal = undefined;
    try {
      return new WebSocket(url, protocols);
    } catch (cause) {
      // For instance an insecure one on a secure page. Thrown here, the error would end all further attempts.
      refusal = describeError(cause);
      // MQTT.js uses no other members of a WebSocket before it is open, and this one never opens.
      return new RefusedSocket() as unknown as WebSocket;
    }
  };
  const dial = webSocketBuilder({ protocol: secure ? 'wss' : 'ws', hostname: address.host, createWebsocket });
  return (client) => {
    const stream = dial(client);
    // Browsers don't tell pages the reason; MQTT.js says "WebSocket error".
    stream.prependListener('error', (error: Error) => {
      error.message = refusal ?? "the WebSocket failed; a page isn't told why, see the console of the browser";
    });
    return stream;
  };
}

/** MQTT.js does not export its stream builder, but a client that was never connected has it. */
function webSocketBuilder(options: object): (client: MqttClient) => Wire {
  const client = mqtt.connect({ ...options, manualConnect: true });
  return Reflect.get(client, 'streamBuilder');
}

/** Stands for a WebSocket that the browser refuses to open. */
class RefusedSocket extends EventTarget {
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly readyState = 0;
  readonly bufferedAmount = 0;
  binaryType = 'arraybuffer';

  constructor() {
    super();
    setTimeout(() => {
      this.dispatchEvent(new Event('error'));
      this.dispatchEvent(new Event('close'));
    }, 0);
  }

  send(): void {}
  close(): void {}
}
