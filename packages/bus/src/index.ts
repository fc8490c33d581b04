export { type BrokersOptions, findBrokerTlsFaults, type TlsFault } from './brokers.ts';
export type {
  Bus,
  BusErrorCode,
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
export { BusError } from './bus.ts';
export { refuseTopic } from './call-refusal.ts';
export { type BrokerAddress, parseBrokerUrl } from './mqtt-url.ts';
