import { connect, type Logger } from '@setpoint/client';
import { z } from 'zod';

/** Any logger with these four methods will do, for instance pino. */
function createLogger(write: (line: string) => void): Logger {
  const at =
    (level: string) =>
    (fields: object, message: string): void => {
      const { err, ...rest } = fields as { err?: unknown };
      const reason = err instanceof Error ? ` (${err.message})` : '';
      const details = Object.entries(rest).map(([name, value]) => ` ${name}=${String(value)}`);
      write(`${level} ${message}${reason}${details.join('')}`);
    };
  return { debug: () => {}, info: at('INFO'), warn: at('WARN'), error: at('ERROR') };
}

const isLogged = Promise.withResolvers<void>();
const logger = createLogger((line) => {
  console.log(line);
  if (line.includes('threw')) isLogged.resolve();
});

await using connection = await connect({
  service: 'oven',
  schema: z.object({ celsius: z.number().default(180) }),
  environment: process.env,
  startTimeoutMs: 500,
  logger,
});
const { messenger } = connection;
// An error that a handler throws goes to the logger, and nowhere else.
await messenger.subscribe('oven/door', () => {
  throw new Error('the door is hot');
}).ready;
await messenger.publish('oven/door', { open: true });
await isLogged.promise;
