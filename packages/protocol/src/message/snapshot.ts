import { z } from 'zod';
import type { Digest } from '../digest.ts';
import type { JsonObject } from '../json.ts';
import type { Stamp } from '../order.ts';
import type { Pointer } from '../pointer.ts';
import { digest, jsonObject, name, note, pointer, time, version } from './fields.ts';

/**
 * One immutable, validated document of a service at one version.
 * @see docs/protocol.md#4-snapshot
 */
export interface Snapshot extends Stamp {
  readonly service: string;
  /** What this version follows: the chain. */
  readonly previous: { readonly version: number; readonly digest: Digest } | null;
  /** The whole effective document, defaults included. */
  readonly values: JsonObject;
  /** Settings that a running process can't take over. */
  readonly restartRequired: readonly Pointer[];
  readonly secrets: readonly Pointer[];
  readonly author: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly committedAt: string;
}

/** What stands in place of a secret wherever a document is shown. */
export const mask = '*** REDACTED ***';

export const snapshotType = 'setpoint.snapshot.v1';

export const snapshotSchema: z.ZodType<Snapshot> = z.object({
  service: name,
  epoch: version,
  version,
  digest,
  previous: z.object({ version, digest }).nullable(),
  values: jsonObject,
  restartRequired: z.array(pointer),
  secrets: z.array(pointer),
  author: z.string(),
  reason: note,
  committedAt: time,
});
