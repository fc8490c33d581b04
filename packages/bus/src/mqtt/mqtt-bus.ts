import type { MqttClient } from 'mqtt';
import type { Bus } from '../bus.ts';
import { LinkBus } from '../session/link-bus.ts';
import { MqttLink } from './mqtt-link.ts';
import type { MqttBusOptions } from './mqtt-options.ts';

/** A bus with a way down to MQTT.js for what a bus can't do. */
export interface MqttBus extends Bus {
  /**
   * The MQTT.js client of now; another one after a change of protocol version, and none before `start`. Look at it and
   * listen to it, but don't publish, subscribe or end through it: the bus keeps its own books.
   */
  readonly client: MqttClient | undefined;
}

/**
 * A bus over a real broker. Connects at `start`.
 * @throws BusError `url_invalid`, `tls_invalid`
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
