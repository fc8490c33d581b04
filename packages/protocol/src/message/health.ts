import { z } from 'zod';
import type { Digest } from '../digest.ts';
import type { Pointer } from '../pointer.ts';
import type { Problem } from '../problem.ts';
import { count, digest, name, pointer, problem, time, version } from './fields.ts';

/**
 * What an instance, or the authority, says of itself; its Last Will has the same shape.
 * @see docs/protocol.md#7-health-presence-convergence
 */
export interface Health {
  readonly instance: string;
  readonly service: string;
  /** New for every connection attempt: pairs a death with its birth. */
  readonly session: string;
  readonly ok: boolean;
  readonly state: HealthState;
  readonly event: HealthEvent;
  readonly error?: Problem;
  /** RFC 3339. */
  readonly startedAt: string;
  /** The digest of the contract this build was written against. */
  readonly contract?: Digest;
  readonly config?: ConfigReport;
}

export const healthStates = ['starting', 'ready', 'degraded', 'stopping', 'offline'] as const;
export type HealthState = (typeof healthStates)[number];

export const healthEvents = [
  'starting',
  'ready',
  'reconnected',
  'config_applied',
  'config_rejected',
  'restart_required',
  'degraded',
  'shutdown',
  'lost',
] as const;
export type HealthEvent = (typeof healthEvents)[number];

/** Where the running document came from: nowhere yet, the broker, the last good file, or the schema's defaults. */
export const configOrigins = ['none', 'live', 'cache', 'defaults'] as const;
export type ConfigOrigin = (typeof configOrigins)[number];

/** What runs now, and the newest seen with what became of it. */
export interface ConfigReport {
  readonly source: ConfigOrigin;
  readonly epoch?: number;
  readonly version?: number;
  readonly digest?: Digest;
  readonly appliedAt?: string;
  /** The newest version that was delivered, applied or not. */
  readonly observed?: { readonly epoch: number; readonly version: number };
  readonly lastAttempt?: ApplyAttempt;
  /** Applied, and only felt after a restart. */
  readonly pendingRestart: readonly Pointer[];
  /** Overridden on this machine. */
  readonly masked: readonly Pointer[];
}

export interface ApplyAttempt {
  readonly epoch: number;
  readonly version: number;
  readonly digest: Digest;
  readonly outcome: 'applied' | 'rejected';
  readonly code?: string;
  readonly message?: string;
  readonly pointer?: Pointer;
}

export const healthType = 'setpoint.health.v1';

const configReport = z.object({
  source: z.enum(configOrigins),
  epoch: version.exactOptional(),
  version: version.exactOptional(),
  digest: digest.exactOptional(),
  appliedAt: time.exactOptional(),
  observed: z.object({ epoch: version, version: count }).exactOptional(),
  lastAttempt: z
    .object({
      epoch: version,
      version,
      digest,
      outcome: z.enum(['applied', 'rejected']),
      code: z.string().exactOptional(),
      message: z.string().exactOptional(),
      pointer: pointer.exactOptional(),
    })
    .exactOptional(),
  pendingRestart: z.array(pointer),
  masked: z.array(pointer),
});

export const healthSchema: z.ZodType<Health> = z.object({
  instance: name,
  service: name,
  session: z.string().min(1).max(64),
  ok: z.boolean(),
  state: z.enum(healthStates),
  event: z.enum(healthEvents),
  error: problem.exactOptional(),
  startedAt: time,
  contract: digest.exactOptional(),
  config: configReport.exactOptional(),
}) as z.ZodType<Health>;
