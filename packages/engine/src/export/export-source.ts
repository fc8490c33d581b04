import type { Explanation, JsonObject, Pointer, Snapshot } from '@setpoint/protocol';

/** A version of a service, as it is to be exported. */
export interface ExportSource {
  readonly service: string;
  /** The effective document, secrets and all. */
  readonly values: JsonObject;
  /** The places of `values` that are secrets. */
  readonly secrets: readonly Pointer[];
  /** Where each value comes from. */
  readonly explanation: readonly Explanation[];
  readonly stamp: Pick<Snapshot, 'epoch' | 'version' | 'digest' | 'author' | 'committedAt'>;
  /** When it is exported. Milliseconds since 1970. */
  readonly now: number;
}

/** The same with the mask in place of every secret: what the writers work with. */
export type RedactedSource = ExportSource;
