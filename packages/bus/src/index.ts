export type {
  Bus,
  BusFault,
  BusMessage,
  BusOptions,
  BusStatus,
  LastWill,
  MessageHandler,
  MessageProperties,
  OverflowPolicy,
  PendingSubscription,
  PublishLane,
  PublishLaneOptions,
  PublishOptions,
  QoS,
  StopOptions,
  SubscribeOptions,
  Subscription,
} from './bus.ts';
export { BusError, type BusErrorCode, type BusErrorOptions } from './bus-error.ts';
export type { Link, LinkEvents, LinkMessage, SessionLimits } from './session/link.ts';
export { createLinkBus } from './session/link-bus.ts';
export { createPublishLane } from './session/publish-lane.ts';
