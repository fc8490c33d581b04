import { startBackgroundTimer } from '@setpoint/participant';
import type { Stamp } from '@setpoint/protocol';
import type { Quarantine } from '../last-good/crash-loop-guard.ts';
import type { Received } from './receive.ts';

export interface ProbationOptions {
  /** Undefined where nothing is kept on disk. */
  readonly quarantine: Quarantine | undefined;
  /** Keeps a snapshot for the next start. Must not throw. */
  readonly remember: (received: Received) => Promise<void>;
}

/** A process that lives so long with a version does not die of it. Milliseconds. */
const probationMs = 10_000;

/**
 * Marks a version on disk from before its first step until this process has lived with it for ten seconds: many die of a
 * version only when they use it. One change at a time.
 */
export class Probation {
  readonly #options: ProbationOptions;
  #present: Stamp | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ProbationOptions) {
    this.#options = options;
  }

  /** Another version is about to be applied. */
  async interrupt(stamp: Stamp): Promise<void> {
    clearTimeout(this.#timer);
    await this.#options.quarantine?.begin(stamp);
  }

  /**
   * It was not applied, and the process lives: what runs goes on, from the beginning of its time. That is `onTrial`, where
   * there is one.
   */
  async resume(onTrial?: Stamp): Promise<void> {
    const running = onTrial ?? this.#present;
    if (!running) return this.#options.quarantine?.end(false);
    await this.#options.quarantine?.begin(running);
    if (this.#present && !onTrial) this.#wait();
  }

  /** It was applied. What came from the broker is kept for the next process. */
  async begin(received: Received, from: 'live' | 'cache'): Promise<void> {
    if (from === 'live') await this.#options.remember(received);
    if (!this.#options.quarantine) return;
    this.#present = received.snapshot;
    this.#wait();
  }

  /** Ends well. Does nothing where nothing is on probation. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#present) return;
    this.#present = undefined;
    await this.#options.quarantine?.end(true);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = startBackgroundTimer(() => void this.end().catch(() => undefined), probationMs);
  }
}
