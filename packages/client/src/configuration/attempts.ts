import type { ApplyAttempt, Digest, SetpointError, Snapshot } from '@setpoint/protocol';

/** Documents that did not prove themselves, and are not tried again. */
const rememberedFailures = 100;

/** What was tried, and what came of it. */
export class Attempts {
  #last: ApplyAttempt | undefined;
  readonly #unproven = new Map<Digest, SetpointError>();

  get last(): ApplyAttempt | undefined {
    return this.#last;
  }

  get hasFailed(): boolean {
    return this.#last?.outcome === 'rejected';
  }

  /** Was the last one this content, and rejected? */
  failedLast({ digest, epoch, version }: Snapshot): boolean {
    const last = this.#last;
    if (last?.outcome !== 'rejected' || last.digest !== digest) return false;
    // Who publishes again what is in quarantine wants it to be tried.
    return last.code !== 'quarantined' || (last.epoch === epoch && last.version === version);
  }

  /** The same content as another version is the version that was rejected. */
  repeat({ epoch, version }: Snapshot): void {
    if (this.#last) this.#last = { ...this.#last, epoch, version };
  }

  succeed({ epoch, version, digest }: Snapshot): void {
    this.#last = { epoch, version, digest, outcome: 'applied' };
  }

  fail({ epoch, version, digest }: Snapshot, error: SetpointError): void {
    const pointer = error.faults[0]?.pointer;
    this.#last = {
      epoch,
      version,
      digest,
      outcome: 'rejected',
      code: error.code,
      message: error.message,
      ...(pointer !== undefined && { pointer }),
    };
  }

  /** Why this content was taken back once; undefined where it was not. */
  unprovenBy({ digest }: Snapshot): SetpointError | undefined {
    return this.#unproven.get(digest);
  }

  /** It was taken back, and is not tried again. */
  takeBack({ digest }: Snapshot, error: SetpointError): void {
    this.#unproven.set(digest, error);
    const [oldest] = this.#unproven.keys();
    if (this.#unproven.size > rememberedFailures && oldest !== undefined) this.#unproven.delete(oldest);
  }
}
