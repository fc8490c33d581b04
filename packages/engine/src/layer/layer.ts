import type { Fault, JsonObject, LayerName, Pointer } from '@setpoint/protocol';

/** The layers that are read, and not set at run time or given by a schema. */
export type SourceName = Exclude<LayerName, 'runtime_update' | 'default'>;

/** What one source says. */
export interface Layer {
  readonly name: SourceName;
  readonly document: JsonObject;
  /** Who is named as the author of a version that a change of this layer makes. */
  readonly author: string;
  /** Where the value at `pointer`, or the nearest one around it, stands. */
  locate(pointer: Pointer): Place | undefined;
  /** Places whose text names other places; in `document` they stand as they are written. */
  readonly references?: readonly Reference[];
  /** What is wrong with it, as far as nothing else is said at the same place; already placed. */
  readonly faults?: readonly Fault[];
}

export interface Place {
  readonly file?: string;
  readonly line?: number;
  /** The environment variable, or the argument. */
  readonly name?: string;
}

/** A text that takes values from other places: `mqtt://${ref:/host}:${ref:shared#/port}`. */
export interface Reference {
  readonly pointer: Pointer;
  /** What it is made of, in order; a single target takes the value over as it is. */
  readonly parts: readonly (string | ReferenceTarget)[];
}

export interface ReferenceTarget {
  /** Left out for the own document. */
  readonly service?: string;
  readonly pointer: Pointer;
}

export const targetsOf = ({ parts }: Reference): ReferenceTarget[] => parts.filter((part) => typeof part !== 'string');

export const servicesOf = (references: readonly Reference[]): string[] => [
  ...new Set(references.flatMap(targetsOf).flatMap(({ service }) => service ?? [])),
];

/** As it is written in a file, without what precedes and follows. */
export const describeTarget = ({ service, pointer }: ReferenceTarget): string =>
  service === undefined ? pointer : `${service}#${pointer}`;
