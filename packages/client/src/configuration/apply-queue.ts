/** Runs one task at a time. Asks `next` for each task, until it returns none; a task must not reject. */
export class ApplyQueue {
  readonly #next: () => (() => Promise<void>) | undefined;
  #isRunning = false;
  #running: Promise<void> | undefined;

  constructor(next: () => (() => Promise<void>) | undefined) {
    this.#next = next;
  }

  /** Starts working if there is work and none is under way. */
  wake(): void {
    if (!this.#isRunning) this.#running = this.#run();
  }

  /** Resolves when no task is running. */
  async idle(): Promise<void> {
    while (this.#isRunning) await this.#running;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let task = this.#next(); task; task = this.#next()) await task();
    // Not after another await: what is added from now on must start the next run.
    this.#isRunning = false;
  }
}
