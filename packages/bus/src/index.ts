export type {
  Bus,
  BusFault,
  BusMessage,
  BusOptions,
  BusStatus,
  LastWill,
  MessageHandler,
  MessageProperties,
  PublishOptions,
  QoS,
  StopOptions,
  SubscribeOptions,
  Subscription,
} from './bus.ts';
export type { BusErrorCode } from './bus-error.ts';
export { BusError } from './bus-error.ts';
export { type BrokerAddress, parseBrokerUrl } from './mqtt/broker-url.ts';
export { type BrokersOptions, findBrokerTlsFaults } from './mqtt/brokers.ts';
export type { TlsFault } from './mqtt/mqtt-options.ts';
export { refuseTopic } from './session/call-checks.ts';
