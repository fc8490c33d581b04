import { byteLengthOf } from '#runtime/bytes';
import { BusError } from '../bus-error.ts';
import { Lane } from './publish-lane.ts';
import { isValidFilter, isValidTopic } from './topic-filter.ts';

// Checks the arguments of calls, also of callers without types: a wrong one is refused here, because in a packet it would
// end the connection, or the process.

/** Returns why nothing can be published to this topic, or `undefined` if it is valid. */
export function refuseTopic(topic: unknown): BusError | undefined {
  if (typeof topic === 'string' && isValidTopic(topic)) return undefined;
  return new BusError('topic_invalid', `can't publish to ${show(topic)}: empty, too long or with + or #`);
}

/** Returns why nobody can subscribe to this filter, or `undefined` if it is valid. */
export function refuseFilter(filter: unknown): BusError | undefined {
  if (typeof filter !== 'string' || !isValidFilter(filter)) {
    return new BusError('topic_invalid', `can't subscribe to ${show(filter)}: it is not a valid topic filter`);
  }
  // A message for a group names only its topic: beside a subscription of the topic itself, the two can't be told apart.
  if (!filter.startsWith('$share/') && filter !== '$share') return undefined;
  return new BusError(
    'topic_invalid',
    `can't subscribe to ${show(filter)}: shared subscriptions are not supported here, where each handler gets every message of its topics; use the MQTT.js client itself for that topic`,
  );
}

/** Returns what is wrong with the payload and options of a publish. */
export function refusePublish(payload: unknown, options: unknown): BusError | undefined {
  const isPayload = typeof payload === 'string' || isBytes(payload);
  // Nearly every call is right: look for the faults only of the others.
  if (isPayload && (options === undefined || isFitting(options, publishRules))) return undefined;
  const faults = [...(isPayload ? [] : ['payload must be bytes or a text']), ...findFaults(options, publishRules)];
  return optionsInvalid('publish', faults);
}

/** Returns what is wrong with the handler and options of a subscribe. */
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

/** Accepts bytes of another realm too, as test runners have them. */
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
  if (typeof given !== 'string') return given === null ? 'null' : `a value that is no text (${typeof given})`;
  return JSON.stringify(given.length > 100 ? `${given.slice(0, 100)}…` : given);
};
