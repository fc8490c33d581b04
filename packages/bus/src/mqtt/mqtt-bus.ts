import type { MqttClient } from 'mqtt';
import type { Bus } from '../bus.ts';
import { LinkBus } from '../session/link-bus.ts';
import { MqttLink } from './mqtt-link.ts';
import type { MqttBusOptions } from './mqtt-options.ts';

/** A bus that shows its MQTT.js client, for what a bus can't do. */
export interface MqttBus extends Bus {
  /**
   * The present MQTT.js client; another one after a change of protocol version, and none before `start`. Look at it and
   * listen to it, but don't publish, subscribe or end through it: the bus would not know.
   */
  readonly client: MqttClient | undefined;
}

/**
 * Creates a bus over a real broker. It connects at `start`.
 * @throws BusError `url_invalid`, `tls_invalid`
 * @example
 * await using bus = createMqttBus({ url: 'mqtt://localhost', clientId: 'lamp-1' });
 * await bus.start();
 * await bus.publish('lamp/hall/state', 'on', { retain: true });
 */
export function createMqttBus(options: MqttBusOptions): MqttBus {
  return new ClientBus(new MqttLink(options), options);
}

class ClientBus extends LinkBus implements MqttBus {
  readonly #mqttLink: MqttLink;

  constructor(link: MqttLink, options: MqttBusOptions) {
    super(link, options);
    this.#mqttLink = link;
  }

  get client(): MqttClient | undefined {
    return this.#mqttLink.client;
  }
}
