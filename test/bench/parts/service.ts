import { connect } from '@setpoint/client';
import type { TrustedKeys } from '@setpoint/protocol';
import { clockMs } from '../harness/clock.ts';
import { largeSchema, smallSchema } from '../harness/documents.ts';
import { servePart, tellEvent } from '../harness/part.ts';
import { silentLogger } from '../harness/silent-logger.ts';
import { openTemporaryFolder } from '../harness/temporary-folder.ts';

export interface ServicePart {
  readonly url: string;
  readonly prefix: string;
  readonly service: string;
  readonly size: 'small' | 'large';
  readonly trustedKeys: TrustedKeys;
}

// One service as its author writes it; tells when each version is in force.

const stack = new AsyncDisposableStack();

servePart({
  open: async ({ url, prefix, service, size, trustedKeys }: ServicePart) => {
    const cacheDir = await openTemporaryFolder(stack);
    const schema = size === 'small' ? smallSchema : largeSchema;
    const config = stack.use(
      await connect({ url, prefix, service, schema, trustedKeys, cacheDir, logger: silentLogger }),
    );
    config.onChange(({ version }) => tellEvent('applied', { version, atMs: clockMs() }));
  },
  close: () => stack.disposeAsync(),
});
