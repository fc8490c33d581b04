import type { JsonObject, Pointer } from '@setpoint/protocol';

/** Where a value may come from, highest first; the names are those of the wire. */
export const layerNames = ['runtime_update', 'yaml_file', 'default'] as const;
export type LayerName = (typeof layerNames)[number];

/** A document that others are laid over. */
export interface Layer {
  readonly document: JsonObject;
  /** Who is named as the author of a version that a change of this layer makes. */
  readonly author: string;
  /** Where the value at `pointer`, or the nearest one around it, stands. */
  locate(pointer: Pointer): Place | undefined;
}

export interface Place {
  readonly file: string;
  readonly line: number;
}
