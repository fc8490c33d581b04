// Connecting, and the options.

export { connect } from './connect/connect.ts';
export type { Connection, ConnectionSummary, OpenOptions, ParticipantConnection } from './connection.ts';
export type { BrokerOptions, Environment } from './options/broker-options.ts';
export type { ConnectOptions, MessagingConnectOptions } from './options/connect-options.ts';
export type { BootPolicy, OverrideOptions, PolicyOptions } from './options/policy.ts';

// The configuration, and handlers of its changes.

export type { ClientState } from './configuration/client-state.ts';
export type { LiveDocument } from './configuration/live-document.ts';
export type { ProviderState, ProviderStateChange } from './configuration/provider-state.ts';
export { providerStates } from './configuration/provider-state.ts';
export type { StalenessOptions } from './configuration/staleness.ts';
export type { PlaceChange, PlaceHandler, ValueAt } from './configuration/subscription.ts';
export { ChangeRefused } from './transaction/handler-error.ts';
export type { Change, ChangeHandler, HandlerContext } from './transaction/handler-step.ts';

// Messages to other services.

export type { DeliveryCounters } from './messaging/delivery.ts';
export type { MessageData } from './messaging/message-data.ts';
export type {
  MessageOptions,
  OutboxCounters,
  PublishOutcome,
  PublishPromise,
  PublishResult,
} from './messaging/message-publisher.ts';
export type { QueuePolicy } from './messaging/message-queue.ts';
export type { Messenger, MessengerStats } from './messaging/messenger.ts';
export type { MessagingOptions } from './messaging/options.ts';
export type { ReplyHandler } from './messaging/replier.ts';
export { ReplyRefused } from './messaging/replier.ts';
export type { RequestOptions, StreamOptions } from './messaging/requester.ts';
export type {
  MessageHandler,
  MessageSubscribeOptions,
  MessageSubscription,
  PendingMessageSubscription,
  QueueOptions,
  SubscriptionStats,
} from './messaging/subscription.ts';
export type { TopicDefaults, TopicParams, TypedMessage, TypedTopic } from './messaging/typed-topic.ts';
export { defineTopic } from './messaging/typed-topic.ts';

// The errors that are thrown, and the types of other packages that stand in options and results.

export type { Bus, BusErrorCode, BusStatus } from '@setpoint/bus';
export { BusError } from '@setpoint/bus';
export type { Fault, Health, JsonValue, Pointer, SetpointErrorCode, Stamp, TrustedKeys } from '@setpoint/protocol';
export { SetpointError } from '@setpoint/protocol';

// For those who adapt a logger, a tracing library or a monitor, and for tools around a service's schema.

export type { Logger, SpanName, SpanOptions, TraceAttributes, TraceSpan, Tracing } from '@setpoint/participant';
export { deriveContract } from './connect/contract.ts';
export type { DiagnosticsMessages } from './observe/diagnostics.ts';
