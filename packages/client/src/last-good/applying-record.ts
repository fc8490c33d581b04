import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isJsonObject, isNewer, type JsonValue, type Stamp } from '@setpoint/protocol';
import type { ApplyingRecord } from './crash-loop-guard.ts';

/** Deaths in a row after which a version is held back: one may be an accident. */
const deathsToHold = 2;

interface Entry extends Stamp {
  /** How many processes in a row have begun to apply this version. */
  readonly tries: number;
}

/**
 * Identifies this run of the process, because process ids are reused. On Linux it is the time at which the process
 * started, which its threads agree on.
 */
const life = statusOf(process.pid)?.startedAt ?? randomUUID();

/** The record files of this process that are on disk. */
const writtenFiles = new Set<string>();
let isExitWatched = false;

/** A process that exits on purpose with code 0 has not died of a version. */
function watchExit(): void {
  if (isExitWatched) return;
  isExitWatched = true;
  process.on('exit', (code) => {
    if (code !== 0) return;
    for (const file of writtenFiles) {
      try {
        rmSync(file, { force: true });
      } catch {
        // Too late to report anything; the exit counts as one death.
      }
    }
  });
}

/**
 * Keeps the record in `file`. The file is neither synced nor replaced atomically: it outlives the process, though not
 * the machine. A record lost or torn with the machine costs one more try, while a sync would slow down every change.
 */
export function createApplyingRecord(file: string, onFault: (cause: unknown) => void): ApplyingRecord {
  let previous: Entry | undefined;
  let trusted: Stamp | undefined;
  let isWritten = false;
  let isFolderMade = false;

  /** How many processes before this one began to apply exactly this version. */
  const triesOf = (stamp: Stamp): number => (previous && isSame(previous, stamp) ? previous.tries : 0);

  async function remove(): Promise<void> {
    if (!isWritten) return;
    isWritten = false;
    previous = undefined;
    writtenFiles.delete(file);
    await rm(file, { force: true }).catch(onFault);
  }

  return {
    async open() {
      try {
        previous = readEntry(JSON.parse(await readFile(file, 'utf8')));
      } catch {
        previous = undefined;
      }
    },
    holds: (stamp) => triesOf(stamp) >= deathsToHold,
    suspects: (stamp) => triesOf(stamp) > 0,
    trust(stamp) {
      trusted = stamp;
    },
    async begin(stamp) {
      const { epoch, version, digest } = stamp;
      // On the way to the version that the previous process died of, this process may apply an older one first.
      if (previous && isNewer(previous, stamp)) return;
      if (trusted && isSame(trusted, stamp)) return remove();
      const tries = triesOf(stamp) + 1;
      const entry = { epoch, version, digest, tries, host: hostname(), pid: process.pid, life };
      isWritten = true;
      writtenFiles.add(file);
      watchExit();
      try {
        if (!isFolderMade) await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        isFolderMade = true;
        await writeFile(file, JSON.stringify(entry), { mode: 0o600 });
      } catch (cause) {
        isFolderMade = false;
        onFault(cause);
      }
    },
    end: remove,
  };
}

function readEntry(read: JsonValue): Entry | undefined {
  if (!isJsonObject(read) || isOfAnotherProcess(read)) return undefined;
  const { epoch, version, digest, tries } = read;
  if (typeof epoch !== 'number' || typeof version !== 'number' || typeof tries !== 'number') return undefined;
  return typeof digest === 'string' ? { epoch, version, digest, tries } : undefined;
}

const isSame = (a: Stamp, b: Stamp): boolean => a.epoch === b.epoch && a.version === b.version && a.digest === b.digest;

/** Whether the entry was written by another live process or thread that shares the folder, or on another machine. */
function isOfAnotherProcess({ host, pid, life: of }: { readonly [key: string]: JsonValue }): boolean {
  if (host !== hostname()) return true;
  if (typeof pid !== 'number') return false;
  if (pid === process.pid) return of === life;
  const status = statusOf(pid);
  if (status) return !status.isOver && status.startedAt === of;
  return statusOf(process.pid) === undefined && isAlive(pid);
}

/** The state of a process on Linux; undefined when there is no such process, and on other systems. */
function statusOf(pid: number): { readonly startedAt: string; readonly isOver: boolean } | undefined {
  try {
    // The line is `pid (name) state …`, the start time is field 22; a name may contain blanks and brackets.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    const [state = ''] = fields;
    const startedAt = fields[19];
    return startedAt === undefined ? undefined : { startedAt, isOver: 'ZX'.includes(state) };
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    // Signal 0 only checks whether the process exists.
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
