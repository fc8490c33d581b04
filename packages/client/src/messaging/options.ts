import { keepValidMembers, numberFrom, oneOf, type Rules, wholeFrom } from '../options/option-rules.ts';

/** Bounds of the messages between services. */
export interface MessagingOptions {
  /** Messages that may wait for a connection or for their turn. From 1 to 1000000. @default 1000 */
  readonly outboxMaxMessages?: number;
  /** Bytes that may wait for a connection or for their turn. From 1 to 4294967296. @default 16777216 */
  readonly outboxMaxBytes?: number;
  /** At a full outbox: the oldest message goes, or the new one is refused. @default "drop-oldest" */
  readonly outboxPolicy?: 'drop-oldest' | 'refuse';
  /** How old a message may become before the broker has it, if `publish` says nothing else. From 1. Milliseconds. @default 30000 */
  readonly maxAgeMs?: number;
  /** Questions that may wait for an answer at once, streams included. From 1 to 1000000. @default 1000 */
  readonly maxPendingRequests?: number;
}

export type ResolvedMessagingOptions = Required<MessagingOptions>;

/** Checks and completes the options. */
export function resolveMessagingOptions(
  options?: MessagingOptions,
  onFault: (option: string, message: string) => void = () => {},
): ResolvedMessagingOptions {
  const given = keepValidMembers<MessagingOptions>(options, rules, { option: 'messaging', onFault });
  return {
    outboxMaxMessages: given.outboxMaxMessages ?? 1000,
    outboxMaxBytes: given.outboxMaxBytes ?? 16_777_216,
    outboxPolicy: given.outboxPolicy ?? 'drop-oldest',
    maxAgeMs: given.maxAgeMs ?? 30_000,
    maxPendingRequests: given.maxPendingRequests ?? 1000,
  };
}

const rules: Rules<MessagingOptions> = {
  outboxMaxMessages: wholeFrom(1, 1_000_000),
  outboxMaxBytes: wholeFrom(1, 4_294_967_296),
  outboxPolicy: oneOf('drop-oldest', 'refuse'),
  maxAgeMs: numberFrom(1),
  maxPendingRequests: wholeFrom(1, 1_000_000),
};
