import { z } from 'zod';
import type { Digest } from '../digest.ts';
import type { JsonObject } from '../json.ts';
import { digest, jsonObject, name } from './fields.ts';

/**
 * The JSON Schema (2020-12) that a build of a service was written against.
 * @see docs/protocol.md#6-contract
 */
export interface Contract {
  readonly service: string;
  /** The digest of `schema`; the last level of the topic. */
  readonly digest: Digest;
  readonly schema: JsonObject;
}

export const contractType = 'setpoint.contract.v1';

export const contractSchema: z.ZodType<Contract> = z.object({ service: name, digest, schema: jsonObject });
