import type { Logger } from '@setpoint/participant';
import { judge } from '@setpoint/protocol';
import { openKept } from '#runtime/kept';
import { joinChecksum } from '../configuration/checksum.ts';
import type { Received } from '../configuration/receive.ts';
import type { ResolvedOptions } from '../options/options.ts';
import type { Quarantine } from './crash-loop-guard.ts';
import { createPatience, type Patience } from './io-timeout.ts';
import type { LastGood } from './last-good-file.ts';
import { reopen } from './open-cached-snapshot.ts';

/** What this process keeps on disk for the next one. Nothing of it ever fails, or hangs: what can't be done is logged. */
export interface Shelf {
  /** Undefined where nothing is kept, and in a browser. */
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
  const onUnmarked = (cause: unknown): void =>
    logger.warn({ err: cause, file }, 'what is being applied could not be marked on disk');
  const { lastGood, quarantine } = openKept({ directory: cacheDir, prefix, service, authority }, onUnmarked);
  const { file } = lastGood;
  const patience = createPatience();
  const open = (bytes: Uint8Array): Received => reopen(bytes, { service, authority, keys, now: now() });
  /** Did a process live with what is kept? */
  let isProven = false;

  async function end(livesWithIt: boolean): Promise<void> {
    isProven ||= livesWithIt;
    await quarantine?.end(livesWithIt);
  }

  /** Where what is written next is the death of processes, this one is not. */
  async function setAside(): Promise<void> {
    if (!quarantine) return;
    const replaces = isProven;
    isProven = false;
    await lastGood
      .setAside(replaces)
      .catch((cause) => logger.debug({ err: cause, file }, 'the last good snapshot before it was not kept'));
  }

  return {
    quarantine: quarantine && patient({ ...quarantine, end }, patience, onUnmarked),
    async read() {
      try {
        const bytes = await patience.within(() => lastGood.read());
        if (!bytes) return undefined;
        const received = open(bytes);
        await patience.within(() => lastGood.adopt());
        const { snapshot } = received;
        isProven = !quarantine?.suspects(snapshot);
        if (isProven) quarantine?.trust(snapshot);
        if (!quarantine?.holds(snapshot)) return received;
        const { version } = snapshot;
        logger.warn({ file, version }, 'the last good snapshot is in quarantine: the one before it counts');
        const before = await patience.within(() => lastGood.readAside());
        return before && open(before);
      } catch (cause) {
        logger.warn({ err: cause, file }, 'the last good snapshot is ignored');
        return undefined;
      }
    },
    async remember(received) {
      try {
        await patience.within(() => replace(lastGood, received, open, keys !== undefined, setAside));
      } catch (cause) {
        logger.warn({ err: cause, file }, 'the last good snapshot could not be kept');
      }
    },
  };
}

/**
 * What is on disk is looked at each time: another process that shares the folder may have kept a newer one. Of two that
 * do this at the same moment the older one may be the last: the next start has that one, until it hears the broker.
 */
async function replace(
  lastGood: LastGood,
  { snapshot, bytes }: Received,
  open: (bytes: Uint8Array) => Received,
  isSigned: boolean,
  setAside: () => Promise<void>,
): Promise<void> {
  const kept = await lastGood
    .read()
    .then((file) => file && open(file).snapshot)
    // One that is not to be believed, or that can't be read, is replaced.
    .catch(() => undefined);
  if (kept && judge(kept, snapshot).kind !== 'apply') return;
  await setAside();
  await lastGood.write(isSigned ? bytes : joinChecksum(bytes));
}

/** The same quarantine, on a disk that may hang. */
const patient = (quarantine: Quarantine, patience: Patience, onFault: (cause: unknown) => void): Quarantine => ({
  ...quarantine,
  open: () => patience.within(() => quarantine.open()).catch(onFault),
  begin: (stamp) => patience.within(() => quarantine.begin(stamp)).catch(onFault),
  // A mark that comes late must not stay: it would say that this process died.
  end: (isProven) => patience.afterwards(() => quarantine.end(isProven)).catch(onFault),
});
