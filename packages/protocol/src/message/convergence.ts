import { z } from 'zod';
import type { Digest } from '../digest.ts';
import { count, digest, name, time, version } from './fields.ts';

/**
 * Who runs the current version of a service, and who does not yet.
 * @see docs/protocol.md#7-health-presence-convergence
 */
export interface Convergence {
  readonly service: string;
  readonly epoch: number;
  readonly version: number;
  readonly digest: Digest;
  /** How many instances stand where; each is counted once. */
  readonly instances: Readonly<Record<InstanceStanding, number>>;
  /** At most 50 of those that do not run it. */
  readonly stragglers: readonly Straggler[];
  /** When this version was committed. RFC 3339. */
  readonly since: string;
  /** When every live instance ran it; null while one does not. */
  readonly convergedAt: string | null;
}

export const instanceStandings = ['applied', 'pending', 'rejected', 'restartPending', 'offline'] as const;
export type InstanceStanding = (typeof instanceStandings)[number];

export interface Straggler {
  readonly instance: string;
  readonly standing: InstanceStanding;
  /** What it runs; left out where it runs nothing. */
  readonly version?: number;
  readonly message?: string;
}

export const convergenceType = 'setpoint.convergence.v1';
export const maxStragglers = 50;

export const convergenceSchema: z.ZodType<Convergence> = z.object({
  service: name,
  epoch: version,
  version,
  digest,
  instances: z.object({ applied: count, pending: count, rejected: count, restartPending: count, offline: count }),
  stragglers: z
    .array(
      z.object({
        instance: name,
        standing: z.enum(instanceStandings),
        version: count.exactOptional(),
        message: z.string().exactOptional(),
      }),
    )
    .max(maxStragglers),
  since: time,
  convergedAt: time.nullable(),
}) as z.ZodType<Convergence>;
