import { z } from 'zod';
import { count, name, version } from './fields.ts';

/**
 * A sign of life every few seconds; the authority's is also the beacon against lost messages.
 * @see docs/protocol.md#7-health-presence-convergence
 */
export interface Keepalive {
  readonly instance: string;
  readonly session: string;
  /** Rises by one within a session. */
  readonly sequence: number;
  readonly intervalMs: number;
  /** The authority's: what changed in the last minute, newest first, at most 200. */
  readonly recent?: Readonly<Record<string, { readonly epoch: number; readonly version: number }>>;
  /** The authority's: how many versions its store has committed. */
  readonly commit?: number;
}

export const keepaliveType = 'setpoint.keepalive.v1';
export const maxRecentServices = 200;

export const keepaliveSchema: z.ZodType<Keepalive> = z.object({
  instance: name,
  session: z.string().min(1).max(64),
  sequence: count,
  intervalMs: z.int().positive(),
  recent: z.record(name, z.object({ epoch: version, version: count })).exactOptional(),
  commit: count.exactOptional(),
}) as z.ZodType<Keepalive>;
