import { SetpointError } from '@setpoint/protocol';

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
  options: MessagingOptions = {},
  onFault: (option: string, message: string) => void = () => {},
): ResolvedMessagingOptions {
  const resolved: ResolvedMessagingOptions = {
    outboxMaxMessages: options.outboxMaxMessages ?? 1000,
    outboxMaxBytes: options.outboxMaxBytes ?? 16_777_216,
    outboxPolicy: options.outboxPolicy ?? 'drop-oldest',
    maxAgeMs: options.maxAgeMs ?? 30_000,
    maxPendingRequests: options.maxPendingRequests ?? 1000,
  };
  for (const [name, most] of bounds) {
    if (!isWithin(resolved[name], most)) onFault(`messaging/${name}`, `must be 1 to ${most}`);
  }
  if (!['drop-oldest', 'refuse'].includes(resolved.outboxPolicy)) {
    onFault('messaging/outboxPolicy', 'is drop-oldest or refuse');
  }
  return resolved;
}

/** The range of a timer. Milliseconds. */
const longestTimerMs = 2_147_483_647;

const bounds = [
  ['outboxMaxMessages', 1_000_000],
  ['outboxMaxBytes', 4_294_967_296],
  ['maxAgeMs', longestTimerMs],
  ['maxPendingRequests', 1_000_000],
] as const;

const isWithin = (value: unknown, most: number): boolean => typeof value === 'number' && value >= 1 && value <= most;

/**
 * For an option of a call, which is at least 1.
 * @throws SetpointError `options_invalid`
 */
export function checkOption(name: string, value: number, most: number = longestTimerMs): void {
  if (isWithin(value, most)) return;
  throw new SetpointError('options_invalid', `${name} must be 1 to ${most}, and is ${String(value)}`);
}
