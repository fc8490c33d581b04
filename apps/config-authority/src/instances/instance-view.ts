import type { InstanceState } from '@setpoint/engine';
import type { Convergence, Health } from '@setpoint/protocol';

/** A read-only view of the instances that this authority knows. */
export interface InstanceView {
  /** Every known instance, including those that have been gone for less than a day. */
  list(): readonly InstanceState[];
  /** Calls `listener` with every health report. Returns a function that removes it. */
  onHealth(listener: (health: Health) => void): () => void;
  /** Calls `listener` with every convergence summary that differs from the one before. Returns a function that removes it. */
  onConvergence(listener: (summary: Convergence) => void): () => void;
}
