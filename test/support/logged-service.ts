import { type Connection, type ConnectOptions, connect } from '@setpoint/client';
import { expect } from 'vitest';
import { z } from 'zod';
import { hear } from './heard.ts';

const schema = z.object({ threshold: z.number().default(0.5) });

export interface LoggedService {
  readonly connection: Connection<{ threshold: number }>;
  readonly bus: Connection<unknown>['bus'];
  /** Every line that it logged. */
  readonly logs: readonly string[];
}

/** A service that has not waited for the broker at this URL, with short delays between attempts; or with another bus. */
export async function openLoggedService(
  at: string | NonNullable<ConnectOptions<typeof schema>['bus']>,
  options: Partial<ConnectOptions<typeof schema>> = {},
): Promise<LoggedService> {
  const logs: string[] = [];
  const log = (_: object, message: string): void => void logs.push(message);
  const connection: Connection<{ threshold: number }> = await connect({
    ...(typeof at === 'string' ? { url: at, reconnectMinDelayMs: 100, reconnectMaxDelayMs: 200 } : { bus: at }),
    service: 'vad',
    schema,
    cacheDir: false,
    startTimeoutMs: 0,
    logger: { debug: log, info: log, warn: log, error: log },
    ...options,
  });
  return { connection, bus: connection.bus, logs };
}

/** A message goes to the broker and comes back. */
export async function expectLive({ bus }: Pick<LoggedService, 'bus'>): Promise<void> {
  const heard = hear(bus, 'echo');
  await heard.subscription.ready;
  await bus.publish('echo', 'said');
  expect(await heard.next()).toBe('said');
}
