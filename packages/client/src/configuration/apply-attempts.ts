import type { ApplyAttempt, SetpointError, Snapshot } from '@setpoint/protocol';

/** The last version that was tried, and the result. */
export class ApplyAttempts {
  #last: ApplyAttempt | undefined;

  get last(): ApplyAttempt | undefined {
    return this.#last;
  }

  get hasFailed(): boolean {
    return this.#last?.outcome === 'rejected';
  }

  /**
   * Whether this content was tried last, was rejected, and would be rejected again. A schema judges the same content the
   * same way. A version that failed its trial or killed a process has done harm: publishing it as a new version asks to
   * try it again. A handler may have failed for a reason that has passed.
   */
  wouldFailAgain({ digest, epoch, version }: Snapshot): boolean {
    const last = this.#last;
    if (last?.outcome !== 'rejected' || last.digest !== digest) return false;
    if (last.code === 'document_invalid') return true;
    const isHarmful = last.code === 'verify_failed' || last.code === 'quarantined';
    return isHarmful && last.epoch === epoch && last.version === version;
  }

  /** The rejected content came again as another version. */
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
