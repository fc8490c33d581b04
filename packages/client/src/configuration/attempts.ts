import type { ApplyAttempt, SetpointError, Snapshot } from '@setpoint/protocol';

/** What was tried, and what came of it. */
export class Attempts {
  #last: ApplyAttempt | undefined;

  get last(): ApplyAttempt | undefined {
    return this.#last;
  }

  get hasFailed(): boolean {
    return this.#last?.outcome === 'rejected';
  }

  /**
   * Was this tried last, rejected, and would it be again? A schema says of the same content what it said before. What was
   * on trial, or in quarantine, has done harm: who publishes it once more wants it to be tried. A handler may have failed
   * for a reason that has passed.
   */
  failedLast({ digest, epoch, version }: Snapshot): boolean {
    const last = this.#last;
    if (last?.outcome !== 'rejected' || last.digest !== digest) return false;
    if (last.code === 'document_invalid') return true;
    const isHarmful = last.code === 'verify_failed' || last.code === 'quarantined';
    return isHarmful && last.epoch === epoch && last.version === version;
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
}
