import type { Received } from '../receive.ts';
import type { Quarantine } from './quarantine.ts';

export interface ProbationOptions {
  /** Undefined where nothing is kept on disk. */
  readonly quarantine: Quarantine | undefined;
  /** Keeps a snapshot for the next start. Must not throw. */
  readonly remember: (received: Received) => Promise<void>;
}

/** A process that lives so long with the version its predecessor died of is well. Milliseconds. */
const probationMs = 10_000;

/** Keeps what was applied for the next process: at once, or, where the one before died of it, when this one has lived with it. */
export class Probation {
  readonly #options: ProbationOptions;
  #present: { readonly received: Received; readonly timer: NodeJS.Timeout } | undefined;

  constructor(options: ProbationOptions) {
    this.#options = options;
  }

  async begin(received: Received): Promise<void> {
    const timer = setTimeout(() => void this.end(), probationMs).unref();
    this.#present = { received, timer };
    if (!this.#options.quarantine?.suspects(received.snapshot)) await this.end();
  }

  /** Ends well. Does nothing where nothing is on probation. */
  async end(): Promise<void> {
    const present = this.#present;
    if (!present) return;
    this.#present = undefined;
    clearTimeout(present.timer);
    await this.#options.remember(present.received);
    await this.#options.quarantine?.end();
  }
}
