import type { Broker } from './brokers.ts';
import type { Row } from './report.ts';

export interface Measurement {
  /** What it is called on the command line. */
  readonly name: string;
  /** What it measures is the same on every broker. */
  readonly isOnceEnough?: boolean;
  /** Measures on one broker; `isQuick` takes fewer samples. */
  run(broker: Broker, options: { readonly isQuick: boolean }): Promise<readonly Row[]>;
}
