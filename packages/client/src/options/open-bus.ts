import type { Bus, BusOptions } from '@setpoint/bus';
import { SetpointError } from '@setpoint/protocol';
import type { ConnectOptions } from './connect-options.ts';
import { having } from './option-rules.ts';
import type { ResolvedBrokerOptions } from './resolve-broker-options.ts';

/** Returns a function that opens the caller's own bus, or one over MQTT. */
export function createBusOpener(
  ownBus: ConnectOptions['bus'],
  broker: ResolvedBrokerOptions,
  clientId: string,
): (options: BusOptions) => Promise<Bus> {
  return (options) => (ownBus ? openOwnBus(ownBus, options) : openMqttBus(broker, clientId, options));
}

const isBus = having('must return a bus', 'start', 'publish', 'subscribe', 'onStatus', 'stop');

async function openOwnBus(open: (options: BusOptions) => Bus, options: BusOptions): Promise<Bus> {
  const bus = await open(options);
  const fault = isBus(bus);
  if (fault === undefined) return bus;
  throw new SetpointError('options_invalid', `connect was called with wrong options: bus ${fault}`, {
    faults: [{ pointer: '/bus', message: fault }],
  });
}

/** MQTT is loaded when it is needed, so that a service on another bus does not pay for it. */
async function openMqttBus(broker: ResolvedBrokerOptions, clientId: string, options: BusOptions): Promise<Bus> {
  const { createMqttBus } = await import('@setpoint/bus/mqtt');
  const { urls, keepaliveSeconds, reconnectMinDelayMs, reconnectMaxDelayMs, tls } = broker;
  const delays = { reconnectMinDelayMs, reconnectMaxDelayMs };
  return createMqttBus({ url: urls, clientId, keepaliveSeconds, ...delays, ...(tls && { tls }), ...options });
}
