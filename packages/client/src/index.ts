export type {
  HealthReporter,
  HealthReporterOptions,
  Logger,
  SpanName,
  SpanOptions,
  TraceAttributes,
  TraceSpan,
  Tracing,
} from '@setpoint/participant';
export { createHealthReporter, untraced } from '@setpoint/participant';
export type { Change, ChangeHandler, HandlerContext } from './apply.ts';
export type { BrokerOptions } from './broker-options.ts';
export type { OpenOptions } from './configuration/another.ts';
export type { LiveDocument } from './configuration/live-document.ts';
export type { BootPolicy, OverrideOptions, PolicyOptions } from './configuration/policy.ts';
export type { ProviderState, ProviderStateChange } from './configuration/provider-state.ts';
export { providerStates } from './configuration/provider-state.ts';
export type { StalenessOptions } from './configuration/staleness.ts';
export type { PlaceChange, PlaceHandler, ValueAt } from './configuration/subscription.ts';
export type { Connection } from './connect.ts';
export { connect } from './connect.ts';
export { deriveContract } from './contract.ts';
export type { DiagnosticsMessages } from './diagnostics.ts';
export type { Environment } from './environment.ts';
export { ChangeRefused } from './failed-step.ts';
export type { RequestOptions, StreamOptions } from './messaging/asking.ts';
export type { DeliveryCounters } from './messaging/delivery.ts';
export type { MessageData } from './messaging/message-data.ts';
export type { MessageOptions, Messenger, MessengerStats } from './messaging/messenger.ts';
export type { MessagingOptions } from './messaging/options.ts';
export type { OutboxCounters, PublishOutcome, PublishResult } from './messaging/outbox.ts';
export type { QueuePolicy } from './messaging/queue.ts';
export type { ReplyHandler } from './messaging/replying.ts';
export { ReplyRefused } from './messaging/replying.ts';
export type {
  MessageHandler,
  MessageSubscribeOptions,
  MessageSubscription,
  QueueOptions,
  SubscriptionStats,
} from './messaging/subscription.ts';
export type { TopicDefaults, TopicParams, TypedMessage, TypedTopic } from './messaging/typed-topic.ts';
export { defineTopic } from './messaging/typed-topic.ts';
export type { ConnectOptions } from './options.ts';
export type { ClientEvent, ClientState } from './state.ts';
export { transitions } from './state.ts';
