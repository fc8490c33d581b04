import { startBackgroundTimer } from '@setpoint/participant';
import type { Stamp } from '@setpoint/protocol';
import type { ReceivedSnapshot } from '../configuration/receive.ts';

/** Remembers on disk which version is being applied, or has been applied for less than ten seconds. */
export interface ApplyingRecord {
  /** Reads what the previous process left. Called once, before anything is applied. */
  open(): Promise<void>;
  /** Whether two processes in a row died of exactly this version. */
  holds(stamp: Stamp): boolean;
  /** Whether the previous process died of this version. */
  suspects(stamp: Stamp): boolean;
  /** An earlier process ran well with this version: a death while it runs has another cause. */
  trust(stamp: Stamp): void;
  /** Records, before the first handler step, that this version is about to be applied. */
  begin(stamp: Stamp): Promise<void>;
  /** Removes the record: this process survived. `isProven`: with the version it runs now. */
  end(isProven: boolean): Promise<void>;
}

export interface CrashLoopGuardOptions {
  /** Undefined when nothing is kept on disk. */
  readonly record: ApplyingRecord | undefined;
  /** Keeps a snapshot for the next start. Must not throw. */
  readonly remember: (received: ReceivedSnapshot) => Promise<void>;
}

/** A process that has run this long with a version does not die of it. Milliseconds. */
const provenAfterMs = 10_000;

/**
 * Records a version on disk from before its first handler step until this process has run with it for ten seconds:
 * many versions kill a process only when it uses them. Handles one change at a time.
 */
export class CrashLoopGuard {
  readonly #options: CrashLoopGuardOptions;
  #running: Stamp | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CrashLoopGuardOptions) {
    this.#options = options;
  }

  /** Whether this version is held back because it killed two processes in a row. */
  holds(stamp: Stamp): boolean {
    return this.#options.record?.holds(stamp) ?? false;
  }

  /** Call before a version is applied. */
  async beginApplying(stamp: Stamp): Promise<void> {
    clearTimeout(this.#timer);
    await this.#options.record?.begin(stamp);
  }

  /**
   * Call when a version was not applied and the process survived. What runs, `onTrial` if given, starts its ten seconds
   * again.
   */
  async notApplied(onTrial?: Stamp): Promise<void> {
    const running = onTrial ?? this.#running;
    if (!running) return this.#options.record?.end(false);
    await this.#options.record?.begin(running);
    if (this.#running && !onTrial) this.#startTimer();
  }

  /** Call when a version was applied. One that came from the broker is kept for the next process. */
  async applied(received: ReceivedSnapshot, from: 'live' | 'cache'): Promise<void> {
    if (from === 'live') await this.#options.remember(received);
    if (!this.#options.record) return;
    this.#running = received.snapshot;
    this.#startTimer();
  }

  /** Call when the process ends on purpose. Does nothing when no version is being watched. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#running) return;
    this.#running = undefined;
    await this.#options.record?.end(true);
  }

  #startTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = startBackgroundTimer(() => void this.end().catch(() => undefined), provenAfterMs);
  }
}
