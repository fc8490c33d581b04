import { byteLengthOf } from '#runtime/bytes';
import { BusError } from '../bus-error.ts';
import { Lane } from './publish-lane.ts';
import { isValidFilter, isValidTopic } from './topic-filter.ts';

/**
 * What is wrong with a call, whatever a caller without types gives. It is found here, where the caller hears of it: in a
 * packet it would end the connection, or the process.
 */

/** Why nothing can be published to it. */
export function refuseTopic(topic: unknown): BusError | undefined {
  if (typeof topic === 'string' && isValidTopic(topic)) return undefined;
  return new BusError('topic_invalid', `can't publish to ${show(topic)}: empty, too long or with + or #`);
}

/** Why nobody can subscribe to it. */
export function refuseFilter(filter: unknown): BusError | undefined {
  if (typeof filter !== 'string' || !isValidFilter(filter)) {
    return new BusError('topic_invalid', `can't subscribe to ${show(filter)}: it is not a valid topic filter`);
  }
  // What a group is sent says only its topic: where the topic itself is subscribed to as well, nobody could tell the two.
  if (!filter.startsWith('$share/') && filter !== '$share') return undefined;
  return new BusError(
    'topic_invalid',
    `can't subscribe to ${show(filter)}: shared subscriptions are not supported here, where each handler gets every message of its topics; use the MQTT.js client itself for that topic`,
  );
}

/** What is wrong with how a message is published. */
export function refusePublish(payload: unknown, options: unknown): BusError | undefined {
  const isPayload = typeof payload === 'string' || isBytes(payload);
  // The payload of nearly every call is right, and so are its options.
  if (isPayload && (options === undefined || isFitting(options, publishRules))) return undefined;
  const faults = [...(isPayload ? [] : ['payload must be bytes or a text']), ...findFaults(options, publishRules)];
  return optionsInvalid('publish', faults);
}

/** What is wrong with how a filter is subscribed to. */
export function refuseSubscribe(handler: unknown, options: unknown): BusError | undefined {
  const isHandler = typeof handler === 'function';
  if (isHandler && (options === undefined || isFitting(options, subscribeRules))) return undefined;
  const faults = [...(isHandler ? [] : ['handler must be a function']), ...findFaults(options, subscribeRules)];
  return optionsInvalid('subscribe', faults);
}

interface Rule {
  readonly is: (value: unknown) => boolean;
  readonly must: string;
}
type Rules = ReadonlyMap<string, Rule>;

// [MQTT-1.5.3] A text of a packet has two bytes for its length.
const isText = (value: unknown): boolean =>
  typeof value === 'string' && value.isWellFormed() && byteLengthOf(value) <= 65_535;
const aText: Rule = { is: isText, must: 'must be a text of up to 65535 bytes' };
const aQoS: Rule = { is: (value) => value === 0 || value === 1, must: 'is 0 or 1' };

const propertyRules: Rules = new Map([
  ['contentType', aText],
  ['responseTopic', { is: (value) => refuseTopic(value) === undefined, must: 'must be a topic without wildcards' }],
  ['correlationData', aText],
  ['messageExpirySeconds', { is: isSeconds, must: 'must be a whole number from 0 to 4294967295' }],
  [
    'user',
    {
      is: (value) => isRecord(value) && Object.entries(value).every((pair) => pair.every(isText)),
      must: 'must be an object of texts of up to 65535 bytes',
    },
  ],
]);

const publishRules: Rules = new Map([
  ['qos', aQoS],
  ['retain', { is: (value) => typeof value === 'boolean', must: 'must be true or false' }],
  ['maxAgeMs', { is: (value) => typeof value === 'number' && value > 0, must: 'must be a number above 0' }],
  ['lane', { is: (value) => value instanceof Lane, must: 'must be what createPublishLane returned' }],
  ['properties', { is: (value) => isFitting(value, propertyRules), must: 'must be an object of MQTT 5 properties' }],
]);

const subscribeRules: Rules = new Map([['qos', aQoS]]);

function isSeconds(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 4_294_967_295;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Bytes of another realm, as test runners have them, are bytes too. */
const isBytes = (value: unknown): boolean =>
  value instanceof Uint8Array || Object.prototype.toString.call(value) === '[object Uint8Array]';

function isFitting(given: unknown, rules: Rules): boolean {
  if (!isRecord(given)) return false;
  for (const name of Object.keys(given)) {
    const value = given[name];
    if (value !== undefined && !rules.get(name)?.is(value)) return false;
  }
  return true;
}

function findFaults(given: unknown, rules: Rules, place = ''): readonly string[] {
  if (given === undefined) return [];
  if (!isRecord(given)) return [`${place === '' ? 'the options' : place.slice(0, -1)} must be an object`];
  return Object.entries(given).flatMap(([name, value]) => {
    const rule = rules.get(name);
    if (value === undefined || rule?.is(value)) return [];
    if (name === 'properties' && place === '') return findFaults(value, propertyRules, 'properties.');
    return [`${place}${name} ${rule?.must ?? 'is no option'}`];
  });
}

function optionsInvalid(call: string, faults: readonly string[]): BusError {
  return new BusError('options_invalid', `${call} was called with wrong options: ${faults.join('; ')}`);
}

const show = (given: unknown): string => {
  if (typeof given !== 'string') return given === null ? 'null' : `what is no text (${typeof given})`;
  return JSON.stringify(given.length > 100 ? `${given.slice(0, 100)}…` : given);
};
