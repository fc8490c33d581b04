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
