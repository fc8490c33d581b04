import { connect, type Messenger } from '@setpoint/client';
import { z } from 'zod';
import { readingSource } from './readings.ts';
import { silentLogger } from './silent-logger.ts';

/** The messenger of a connection as `connect` makes it, on a configuration of nothing, that has reached its broker. */
export async function openMessenger(stack: AsyncDisposableStack, url: string): Promise<Messenger> {
  const { bus, messenger } = stack.use(
    await connect({
      url,
      service: 'bench',
      sourceName: readingSource,
      schema: z.object({}),
      startTimeoutMs: 0,
      cacheDir: false,
      logger: silentLogger,
    }),
  );
  await bus.start();
  return messenger;
}
