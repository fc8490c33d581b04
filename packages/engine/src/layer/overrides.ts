import type { JsonValue, Pointer } from '@setpoint/protocol';

/**
 * One setting of the runtime layer: what an operator set, or hid, at one pointer. The settings of a service never lie
 * inside one another.
 */
export interface Override {
  readonly pointer: Pointer;
  /** Left out where the operator took away what the file says; the schema's default shows again. */
  readonly value?: JsonValue;
  readonly author: string;
  readonly reason: string;
  /** The version that it came with. */
  readonly version: number;
  /** RFC 3339. */
  readonly at: string;
}
