import type { Logger } from '@setpoint/participant';
import { judge } from '@setpoint/protocol';
import { openLastGood } from '#runtime/last-good';
import type { ReceivedSnapshot } from '../configuration/receive.ts';
import type { ResolvedOptions } from '../options/resolve-options.ts';
import type { ApplyingRecord } from './crash-loop-guard.ts';
import { createIoTimeout, type IoTimeout } from './io-timeout.ts';
import type { LastGoodFile } from './last-good-file.ts';
import { joinChecksum, openCachedSnapshot } from './open-cached-snapshot.ts';

/** What this process keeps on disk for the next one. Its methods neither fail nor hang: faults are logged. */
export interface LastGoodStore {
  /** Undefined when nothing is kept, and in a browser. */
  readonly applyingRecord: ApplyingRecord | undefined;
  /** The last good snapshot, if there is one that can be trusted. */
  read(): Promise<ReceivedSnapshot | undefined>;
  /** Keeps a snapshot if it is newer than the kept one. */
  remember(received: ReceivedSnapshot): Promise<void>;
}

type LastGoodStoreOptions = Pick<ResolvedOptions, 'cacheDir' | 'prefix' | 'service' | 'authority' | 'keys' | 'now'>;

export function createLastGoodStore(options: LastGoodStoreOptions, logger: Logger): LastGoodStore {
  const { cacheDir, prefix, service, authority, keys, now } = options;
  if (cacheDir === undefined) {
    return { applyingRecord: undefined, read: async () => undefined, remember: async () => {} };
  }
  const onRecordFault = (cause: unknown): void =>
    logger.warn({ err: cause, file }, 'could not record on disk which version is being applied');
  const { lastGood, applyingRecord } = openLastGood({ directory: cacheDir, prefix, service, authority }, onRecordFault);
  const { file } = lastGood;
  const io = createIoTimeout();
  const open = (bytes: Uint8Array): ReceivedSnapshot =>
    openCachedSnapshot(bytes, { service, authority, keys, now: now() });
  /** Whether a process has run well with the kept snapshot. */
  let isProven = false;

  async function end(isProvenNow: boolean): Promise<void> {
    isProven ||= isProvenNow;
    await applyingRecord?.end(isProvenNow);
  }

  /** Keeps the snapshot before as well, in case the one that is written next kills processes. */
  async function setAside(): Promise<void> {
    if (!applyingRecord) return;
    const replaces = isProven;
    isProven = false;
    await lastGood
      .setAside(replaces)
      .catch((cause) => logger.debug({ err: cause, file }, 'the last good snapshot before it was not kept'));
  }

  async function readTrusted(): Promise<ReceivedSnapshot | undefined> {
    const bytes = await io.run(() => lastGood.read());
    if (!bytes) return undefined;
    const received = open(bytes);
    await io.run(() => lastGood.adopt());
    const { snapshot } = received;
    isProven = !applyingRecord?.suspects(snapshot);
    if (isProven) applyingRecord?.trust(snapshot);
    if (!applyingRecord?.holds(snapshot)) return received;
    const { version } = snapshot;
    logger.warn({ file, version }, 'the last good snapshot is in quarantine: the one before it counts');
    const before = await io.run(() => lastGood.readAside());
    return before && open(before);
  }

  return {
    applyingRecord: applyingRecord && withTimeout({ ...applyingRecord, end }, io, onRecordFault),
    async read() {
      try {
        return await readTrusted();
      } catch (cause) {
        logger.warn({ err: cause, file }, 'the last good snapshot is ignored');
        return undefined;
      }
    },
    async remember(received) {
      try {
        await io.run(() => replaceIfNewer(lastGood, received, open, keys !== undefined, setAside));
      } catch (cause) {
        logger.warn({ err: cause, file }, 'the last good snapshot could not be kept');
      }
    },
  };
}

/**
 * Reads the disk each time, because another process that shares the folder may have kept a newer snapshot. If two
 * processes do this at the same moment, the older snapshot may win: the next start has that one until it hears the
 * broker.
 */
async function replaceIfNewer(
  lastGood: LastGoodFile,
  { snapshot, bytes }: ReceivedSnapshot,
  open: (bytes: Uint8Array) => ReceivedSnapshot,
  isSigned: boolean,
  setAside: () => Promise<void>,
): Promise<void> {
  const kept = await lastGood
    .read()
    .then((file) => file && open(file).snapshot)
    // One that can't be read or trusted is replaced.
    .catch(() => undefined);
  if (kept && judge(kept, snapshot).kind !== 'apply') return;
  await setAside();
  await lastGood.write(isSigned ? bytes : joinChecksum(bytes));
}

/** The same record, on a disk that may hang. */
const withTimeout = (record: ApplyingRecord, io: IoTimeout, onFault: (cause: unknown) => void): ApplyingRecord => ({
  ...record,
  open: () => io.run(() => record.open()).catch(onFault),
  begin: (stamp) => io.run(() => record.begin(stamp)).catch(onFault),
  // A late removal must still happen: the record would say that this process died.
  end: (isProven) => io.runWhenFree(() => record.end(isProven)).catch(onFault),
});
