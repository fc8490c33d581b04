export { createMqttBus, type MqttBus } from './mqtt/mqtt-bus.ts';
export type { BrokerUrl, MqttBusOptions, MqttTlsOptions } from './mqtt/mqtt-options.ts';
