import { randomUUID } from 'node:crypto';
import { createMqttBus, type MqttBus, type MqttBusOptions } from '@setpoint/bus/mqtt';

/** What the tests of a real broker connect with: short delays between attempts, and a client id of its own. */
export function connectTo(url: string, options: Partial<MqttBusOptions> = {}): MqttBus {
  return createMqttBus({
    url,
    clientId: `test-${randomUUID().slice(0, 8)}`,
    reconnectMinDelayMs: 20,
    reconnectMaxDelayMs: 200,
    ...options,
  });
}
