import { refuseTopic } from '@setpoint/bus/internal';
import { type Fault, SetpointError } from '@setpoint/protocol';
import {
  aFunction,
  aSwitch,
  having,
  isRecord,
  keepValid,
  mustBe,
  numberFrom,
  oneOf,
  type Rule,
  type Rules,
  reportUnknownNames,
  wholeFrom,
} from '../options/option-rules.ts';
import type { MessageOptions } from './message-publisher.ts';
import type { RequestOptions, StreamOptions } from './requester.ts';
import type { MessageSubscribeOptions, QueueOptions } from './subscription.ts';

/** The options of a call: its name, and a rule for each option. */
export interface CallShape {
  readonly call: string;
  readonly rules: Readonly<Record<string, Rule>>;
}

const longestText = 512;
/** What readers accept in a member of an envelope. */
const aMember = mustBe(
  `must be a text of 1 to ${longestText} characters`,
  (value) => typeof value === 'string' && value.length > 0 && value.length <= longestText,
);
// W3C Trace Context, 3.2; a later version may have more at its end.
const traceparentPattern =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{1,400})?$/;
const aTraceparent = mustBe(
  'must be a traceparent of W3C Trace Context, such as 00-<32 hex digits>-<16 hex digits>-01',
  (value) => typeof value === 'string' && traceparentPattern.test(value),
);
const aQoS = mustBe('is 0 or 1', (value) => value === 0 || value === 1);
const aSignal = having('must be an AbortSignal', 'addEventListener', 'throwIfAborted');

const publishRules: Rules<MessageOptions> = {
  type: aMember,
  qos: aQoS,
  retain: aSwitch,
  maxAgeMs: numberFrom(1),
  sequence: aMember,
  traceparent: aTraceparent,
};
const requestRules: Rules<RequestOptions> = {
  type: aMember,
  timeoutMs: numberFrom(1),
  signal: aSignal,
  traceparent: aTraceparent,
};
const streamRules: Rules<StreamOptions> = { ...requestRules, idleTimeoutMs: numberFrom(1) };
const queueRules: Rules<QueueOptions> = {
  limit: wholeFrom(1, 1_000_000),
  maxBytes: wholeFrom(1, 4_294_967_296),
  policy: oneOf('drop-oldest', 'latest-per-topic', 'back-pressure'),
};
const subscribeRules: Rules<MessageSubscribeOptions> = {
  qos: aQoS,
  queue: (value) => (isFitting(value, queueRules) ? undefined : 'must be an object of options'),
  concurrency: wholeFrom(1, 10_000),
};

export const publishShape: CallShape = { call: 'publish', rules: publishRules };
export const topicShape: CallShape = {
  call: 'defineTopic',
  rules: { type: aMember, qos: aQoS, retain: aSwitch, maxAgeMs: numberFrom(1) },
};
export const requestShape: CallShape = { call: 'request', rules: requestRules };
export const streamShape: CallShape = { call: 'requestStream', rules: streamRules };
const subscribeShape: CallShape = { call: 'subscribe', rules: subscribeRules };
const replyShape: CallShape = { call: 'reply', rules: subscribeRules };

/**
 * Checks the topic and options of a call that sends, also for callers without types.
 * @throws BusError `topic_invalid`; SetpointError `options_invalid` with every fault
 */
export function checkSending(topic: unknown, options: unknown, shape: CallShape): void {
  const refused = refuseTopic(topic);
  if (refused) throw refused;
  checkOptions(options, shape);
}

/** @throws SetpointError `options_invalid` with every fault */
export function checkOptions(options: unknown, { call, rules }: CallShape): void {
  // Nearly every call is right, or has none.
  if (options === undefined || isFitting(options, rules)) return;
  throw invalid(call, findFaults(options, rules));
}

/**
 * Checks the handler and options of a call that subscribes. The bus checks the filter.
 * @throws SetpointError `options_invalid` with every fault
 */
export function checkListening(call: 'subscribe' | 'reply', handler: unknown, options: unknown): void {
  const { rules } = call === 'subscribe' ? subscribeShape : replyShape;
  const fault = aFunction(handler);
  if (fault === undefined && (options === undefined || isFitting(options, rules))) return;
  throw invalid(call, [
    ...(fault === undefined ? [] : [{ pointer: '/handler', message: fault }]),
    ...(options === undefined ? [] : findFaults(options, rules)),
  ]);
}

function isFitting(options: unknown, rules: CallShape['rules']): boolean {
  if (!isRecord(options)) return false;
  for (const name of Object.keys(options)) {
    const value = options[name];
    if (value === undefined) continue;
    if (!Object.hasOwn(rules, name) || rules[name]?.(value) !== undefined) return false;
  }
  return true;
}

function findFaults(options: unknown, rules: CallShape['rules'], place = ''): readonly Fault[] {
  if (!isRecord(options)) return [{ pointer: '', message: 'the options must be an object' }];
  const faults: Fault[] = [];
  const onFault = (option: string, message: string): void => {
    const value = options[option];
    if (option === 'queue' && isRecord(value)) faults.push(...findFaults(value, queueRules, '/queue'));
    else faults.push({ pointer: `${place}/${option}`, message });
  };
  keepValid(options, rules as Rules<Record<string, unknown>>, { onFault });
  reportUnknownNames(options, Object.keys(rules), { onFault });
  return faults;
}

function invalid(call: string, faults: readonly Fault[]): SetpointError {
  const text = faults.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`.trimStart()).join('; ');
  return new SetpointError('options_invalid', `${call} was called with wrong options: ${text}`, { faults });
}
