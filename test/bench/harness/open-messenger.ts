import { connect, type Messenger } from '@setpoint/client';
import { readingSource } from './readings.ts';
import { silentLogger } from './silent-logger.ts';

/** The messenger of a connection without a schema that has reached its broker. */
export async function openMessenger(stack: AsyncDisposableStack, url: string): Promise<Messenger> {
  const { bus, messenger } = stack.use(
    await connect({
      url,
      service: 'bench',
      sourceName: readingSource,
      logger: silentLogger,
    }),
  );
  await bus.start();
  return messenger;
}
