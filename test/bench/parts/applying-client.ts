import { createMqttBus } from '@setpoint/bus/mqtt';
import { connect } from '@setpoint/client';
import type { TrustedKeys } from '@setpoint/protocol';
import { largeSchema } from '../harness/documents.ts';
import { servePart, tellEvent } from '../harness/part.ts';
import { silentLogger } from '../harness/silent-logger.ts';
import { openTemporaryFolder } from '../harness/temporary-folder.ts';

export interface ApplyingClientPart {
  readonly url: string;
  readonly prefix: string;
  readonly trustedKeys: TrustedKeys;
}

/** What was done with one version, and what its bytes cost alone. */
export interface Applied {
  readonly version: number;
  readonly bytes: number;
  readonly appliedMs: number;
  readonly aloneMs: number;
}

// A service with one handler and its copy on disk; tells of every version how long it took from its bytes to the handler.

const stack = new AsyncDisposableStack();
let received: Uint8Array = new Uint8Array();
let receivedAt = 0;

/** JSON.parse and zod, on the same bytes, in the same warm process. */
function readAlone(bytes: Uint8Array): number {
  const startedAt = performance.now();
  const { data } = JSON.parse(Buffer.from(bytes).toString());
  largeSchema.parse(data.values);
  return performance.now() - startedAt;
}

servePart({
  open: async ({ url, prefix, trustedKeys }: ApplyingClientPart) => {
    const config = stack.use(
      await connect({
        bus: (options) => {
          const bus = createMqttBus({ url, clientId: 'applying', ...options });
          const { subscribe } = bus;
          bus.subscribe = (filter, handler, subscribeOptions) => {
            const timed: typeof handler = (message) => {
              if (filter.endsWith('/snapshot')) [received, receivedAt] = [message.payload, performance.now()];
              handler(message);
            };
            return subscribe.call(bus, filter, timed, subscribeOptions);
          };
          return bus;
        },
        prefix,
        trustedKeys,
        service: 'stt-worker',
        schema: largeSchema,
        cacheDir: await openTemporaryFolder(stack),
        logger: silentLogger,
      }),
    );
    config.onChange(({ version }) => {
      const appliedMs = performance.now() - receivedAt;
      const bytes = received;
      // When what follows an applied version, its copy on disk and the report, is done.
      setTimeout(() => {
        const told: Applied = { version, bytes: bytes.byteLength, appliedMs, aloneMs: readAlone(bytes) };
        tellEvent('applied', told);
      }, 20);
    });
  },
  close: () => stack.disposeAsync(),
});
