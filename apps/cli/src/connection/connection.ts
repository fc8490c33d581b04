import { randomBytes } from 'node:crypto';
import type { Bus, BusFault } from '@setpoint/bus';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { CommandError } from '../exit-codes.ts';
import type { Settings } from '../settings.ts';

/** A connection for the length of one command. */
export interface Connection extends AsyncDisposable {
  readonly bus: Bus;
  /** Rejects when the broker was not reached in time, or refuses a subscription. */
  readonly failed: Promise<never>;
}

/** Milliseconds between attempts, at most. */
const retryMs = 1000;

/**
 * Begins to connect; subscribe at once, the broker is asked when it is there.
 * @throws BusError `url_invalid`
 */
export function openConnection({ url, timeoutMs }: Settings): Connection {
  const failed = Promise.withResolvers<never>();
  // Nobody may be racing against it any more when it comes.
  failed.promise.catch(() => undefined);
  const bus = createMqttBus({
    url,
    clientId: `setpoint-${randomBytes(4).toString('hex')}`,
    reconnectMinDelayMs: Math.min(200, retryMs),
    reconnectMaxDelayMs: retryMs,
    onFault: (fault) => failOnRefusal(fault, failed.reject),
  });
  let reason: string | undefined;
  bus.onStatus((status) => {
    if (status.kind === 'connecting') reason = status.reason ?? reason;
  });
  const timer = setTimeout(() => failed.reject(unreachable(url, timeoutMs, reason)), timeoutMs);
  const settle = (): void => clearTimeout(timer);
  bus.start().then(settle, settle);
  return {
    bus,
    failed: failed.promise,
    async [Symbol.asyncDispose]() {
      settle();
      await bus.stop();
    },
  };
}

function failOnRefusal({ kind, message }: BusFault, reject: (reason: CommandError) => void): void {
  if (kind === 'subscription_refused') {
    reject(new CommandError('denied', `${message}; does this user have the right to read it?`, { code: kind }));
  }
}

function unreachable(url: string, timeoutMs: number, reason = 'it does not answer'): CommandError {
  return new CommandError(
    'noAnswer',
    `can't reach the broker at ${displayUrl(url)} within ${timeoutMs} ms: ${reason}; start it, or name another with --url or SETPOINT_MQTT_URL`,
    { code: 'broker_unreachable' },
  );
}

/** Without user and password. */
function displayUrl(text: string): string {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/$/, '');
}

/** @throws CommandError no answer */
export async function within<T>(timeoutMs: number, work: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CommandError('noAnswer', message)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
