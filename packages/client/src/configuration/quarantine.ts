import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isJsonObject, isNewer, type JsonValue, type Stamp } from '@setpoint/protocol';

/** Remembers across a crash which version was being applied. */
export interface Quarantine {
  /** Reads what the process before left; called once, before anything is applied. */
  open(): Promise<void>;
  /** Did two processes in a row die while they applied exactly this version? */
  holds(stamp: Stamp): boolean;
  /** Did the process before die while it applied this version? */
  suspects(stamp: Stamp): boolean;
  /** Says before the first step that this version is about to be applied. */
  begin(stamp: Stamp): Promise<void>;
  /** Says that it is done with, well or badly: this process lives. */
  end(): Promise<void>;
}

/** So many deaths in a row are no accident. */
const deathsToHold = 2;

interface Mark extends Stamp {
  /** How many processes in a row have begun to apply it. */
  readonly tries: number;
}

/**
 * Keeps the mark in `file`. It is not synced to the disk: what a process has written outlives its death, only not that
 * of the machine, and a mark that is lost with the machine costs one more try, where a sync costs every change its
 * time. For the same reason it is not replaced as a whole: a torn mark is no mark.
 */
export function createQuarantine(file: string, onFault: (cause: unknown) => void): Quarantine {
  let left: Mark | undefined;
  let isMarked = false;
  let isFolderMade = false;

  /** How often exactly this version was begun before. */
  const triesOf = ({ epoch, version, digest }: Stamp): number =>
    left?.epoch === epoch && left.version === version && left.digest === digest ? left.tries : 0;

  return {
    async open() {
      try {
        left = readMark(JSON.parse(await readFile(file, 'utf8')));
      } catch {
        left = undefined;
      }
    },
    holds: (stamp) => triesOf(stamp) >= deathsToHold,
    suspects: (stamp) => triesOf(stamp) > 0,
    async begin(stamp) {
      const { epoch, version, digest } = stamp;
      // On the way to the version that the process before died of, this one may pass by an older one.
      if (left && isNewer(left, stamp)) return;
      const tries = triesOf(stamp) + 1;
      const mark = { epoch, version, digest, tries, host: hostname(), pid: process.pid };
      isMarked = true;
      try {
        if (!isFolderMade) await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        isFolderMade = true;
        await writeFile(file, JSON.stringify(mark), { mode: 0o600 });
      } catch (cause) {
        isFolderMade = false;
        onFault(cause);
      }
    },
    async end() {
      if (!isMarked) return;
      isMarked = false;
      left = undefined;
      await rm(file, { force: true }).catch(onFault);
    },
  };
}

function readMark(read: JsonValue): Mark | undefined {
  if (!isJsonObject(read) || isOfOther(read)) return undefined;
  const { epoch, version, digest, tries } = read;
  if (typeof epoch !== 'number' || typeof version !== 'number' || typeof tries !== 'number') return undefined;
  return typeof digest === 'string' ? { epoch, version, digest, tries } : undefined;
}

/** Another process that shares the folder is applying it at this moment, or one on another machine did. */
function isOfOther({ host, pid }: { readonly [key: string]: JsonValue }): boolean {
  if (host !== hostname()) return true;
  return typeof pid === 'number' && pid !== process.pid && isAlive(pid);
}

function isAlive(pid: number): boolean {
  try {
    // Signal 0 is none: only whether it could be sent is asked.
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
