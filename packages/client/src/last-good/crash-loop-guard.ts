import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isJsonObject, isNewer, type JsonValue, type Stamp } from '@setpoint/protocol';

/** Remembers across a crash which version was being applied, or had been for less than ten seconds. */
export interface Quarantine {
  /** Reads what the process before left; called once, before anything is applied. */
  open(): Promise<void>;
  /** Did two processes in a row die of exactly this version? */
  holds(stamp: Stamp): boolean;
  /** Did the process before die of this version? */
  suspects(stamp: Stamp): boolean;
  /** A process before lived with this version: of what this one dies, it is not that. */
  trust(stamp: Stamp): void;
  /** Says before the first step that this version is about to be applied. */
  begin(stamp: Stamp): Promise<void>;
  /** Says that it is done with, well or badly: this process lives; `isProven`: with what it runs. */
  end(isProven: boolean): Promise<void>;
}

/** So many deaths in a row are no accident. */
const deathsToHold = 2;

interface Mark extends Stamp {
  /** How many processes in a row have begun to apply it. */
  readonly tries: number;
}

/**
 * Which start of a process this is, for who reads a mark that has its number: numbers come again. On Linux it is the
 * moment at which it began, in which its threads agree.
 */
const life = statusOf(process.pid)?.startedAt ?? randomUUID();

/** The marks of this process that are on disk. */
const marked = new Set<string>();
let isExitWatched = false;

/** Whoever ends the process on purpose, and says that all is well, has not died of a version. */
function watchExit(): void {
  if (isExitWatched) return;
  isExitWatched = true;
  process.on('exit', (code) => {
    if (code !== 0) return;
    for (const file of marked) {
      try {
        rmSync(file, { force: true });
      } catch {
        // Nobody can be told any more; it counts as one death.
      }
    }
  });
}

/**
 * Keeps the mark in `file`. It is not synced to the disk: what a process has written outlives its death, only not that
 * of the machine, and a mark that is lost with the machine costs one more try, where a sync costs every change its
 * time. For the same reason it is not replaced as a whole: a torn mark is no mark.
 */
export function createQuarantine(file: string, onFault: (cause: unknown) => void): Quarantine {
  let left: Mark | undefined;
  let trusted: Stamp | undefined;
  let isMarked = false;
  let isFolderMade = false;

  /** How often exactly this version was begun before. */
  const triesOf = (stamp: Stamp): number => (left && isSame(left, stamp) ? left.tries : 0);

  async function unmark(): Promise<void> {
    if (!isMarked) return;
    isMarked = false;
    left = undefined;
    marked.delete(file);
    await rm(file, { force: true }).catch(onFault);
  }

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
    trust(stamp) {
      trusted = stamp;
    },
    async begin(stamp) {
      const { epoch, version, digest } = stamp;
      // On the way to the version that the process before died of, this one may pass by an older one.
      if (left && isNewer(left, stamp)) return;
      if (trusted && isSame(trusted, stamp)) return unmark();
      const tries = triesOf(stamp) + 1;
      const mark = { epoch, version, digest, tries, host: hostname(), pid: process.pid, life };
      isMarked = true;
      marked.add(file);
      watchExit();
      try {
        if (!isFolderMade) await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        isFolderMade = true;
        await writeFile(file, JSON.stringify(mark), { mode: 0o600 });
      } catch (cause) {
        isFolderMade = false;
        onFault(cause);
      }
    },
    end: unmark,
  };
}

function readMark(read: JsonValue): Mark | undefined {
  if (!isJsonObject(read) || isOfOther(read)) return undefined;
  const { epoch, version, digest, tries } = read;
  if (typeof epoch !== 'number' || typeof version !== 'number' || typeof tries !== 'number') return undefined;
  return typeof digest === 'string' ? { epoch, version, digest, tries } : undefined;
}

const isSame = (a: Stamp, b: Stamp): boolean => a.epoch === b.epoch && a.version === b.version && a.digest === b.digest;

/** Another process, or thread, that shares the folder is applying it at this moment, or one on another machine did. */
function isOfOther({ host, pid, life: of }: { readonly [key: string]: JsonValue }): boolean {
  if (host !== hostname()) return true;
  if (typeof pid !== 'number') return false;
  if (pid === process.pid) return of === life;
  const status = statusOf(pid);
  if (status) return !status.isOver && status.startedAt === of;
  return statusOf(process.pid) === undefined && isAlive(pid);
}

/** What Linux knows of a process; undefined where there is none, and everywhere else. */
function statusOf(pid: number): { readonly startedAt: string; readonly isOver: boolean } | undefined {
  try {
    // `pid (name) state …`, and the start is the 22nd; a name may have blanks and brackets.
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
    // Signal 0 is none: only whether it could be sent is asked.
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
