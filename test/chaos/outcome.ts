/** What came of one run. */
export interface Outcome {
  readonly seed: number;
  /** Empty where all is as promised. */
  readonly faults: readonly string[];
  /** From the last fault until every instance ran the latest version. Milliseconds, virtual in memory. */
  readonly convergedMs: number;
  /** The steps and what the network did. */
  readonly report: string;
}
