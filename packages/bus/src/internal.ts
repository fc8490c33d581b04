// For the packages of this repository: nothing here is promised to anybody else.

export { parseBrokerUrl } from './mqtt/broker-url.ts';
export { type BrokersOptions, findBrokerTlsFaults } from './mqtt/brokers.ts';
export type { TlsFault } from './mqtt/mqtt-options.ts';
export { refuseTopic } from './session/call-checks.ts';
export { awaitable } from './session/pending-subscription.ts';
