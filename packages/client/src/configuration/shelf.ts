import { judge, type Stamp } from '@setpoint/protocol';
import { createLastGood } from '../last-good.ts';
import type { Logger } from '../logger.ts';
import type { ResolvedOptions } from '../options.ts';
import type { Received } from '../receive.ts';
import { createQuarantine, type Quarantine } from './quarantine.ts';
import { reopen } from './reopen.ts';

/** What this process keeps on disk for the next one. Nothing of it ever fails: what can't be done is logged. */
export interface Shelf {
  /** Undefined where nothing is kept. */
  readonly quarantine: Quarantine | undefined;
  /** The last good snapshot, where there is one that is to be believed. */
  read(): Promise<Received | undefined>;
  /** Keeps a snapshot, where it is newer than what is kept. */
  remember(received: Received): Promise<void>;
}

type ShelfOptions = Pick<ResolvedOptions, 'cacheDir' | 'prefix' | 'service' | 'authority' | 'keys' | 'now'>;

export function createShelf(options: ShelfOptions, logger: Logger): Shelf {
  const { cacheDir, prefix, service, authority, keys, now } = options;
  if (cacheDir === undefined) return { quarantine: undefined, read: async () => undefined, remember: async () => {} };
  const lastGood = createLastGood({ directory: cacheDir, prefix, service, authority });
  const { file } = lastGood;
  let kept: Stamp | undefined;
  return {
    quarantine: createQuarantine(`${file}.applying`, (cause) =>
      logger.warn({ err: cause, file }, 'what is being applied could not be marked on disk'),
    ),
    async read() {
      try {
        const bytes = await lastGood.read();
        if (!bytes) return undefined;
        const received = reopen(bytes, { service, authority, keys, now: now() });
        kept = received.snapshot;
        await lastGood.adopt();
        return received;
      } catch (cause) {
        logger.warn({ err: cause, file }, 'the last good snapshot is ignored');
        return undefined;
      }
    },
    async remember({ snapshot, bytes }) {
      if (kept && judge(kept, snapshot).kind !== 'apply') return;
      try {
        await lastGood.write(bytes);
        kept = snapshot;
      } catch (cause) {
        logger.warn({ err: cause, file }, 'the last good snapshot could not be kept');
      }
    },
  };
}
