import type { Bus } from '@setpoint/bus';
import { type Connection, type ConnectOptions, connect } from '@setpoint/client';
import { expect } from 'vitest';
import { z } from 'zod';
import { hear, session } from './heard.ts';

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

/** Publishes a message that its broker answers by hanging up, and proves that it is given up and the next one arrives. */
export async function expectOnlyLargeGivenUp(service: {
  readonly bus: Bus;
  readonly logs: readonly string[];
  /** A bus of another client: a session that is being closed loses what it had not received yet. */
  readonly listener: Bus;
}): Promise<void> {
  const { bus, logs } = service;
  await using listener = service.listener;
  await session(bus, 1);
  await listener.start();
  const heard = hear(listener, 'small');
  await heard.subscription.ready;
  const large = bus.publish('large', 'x'.repeat(20_000));
  const small = bus.publish('small', 'x');
  await expect(large).rejects.toMatchObject({
    code: 'publish_refused',
    message: expect.stringContaining('probably over a limit of the broker'),
  });
  await small;
  expect(await heard.next()).toBe('x');
  await expectLive({ bus });
  expect(logs.join('\n')).toContain('lost: ');
}
