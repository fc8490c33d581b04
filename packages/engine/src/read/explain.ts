import type { Explanation, JsonValue, LayerValue, Pointer } from '@setpoint/protocol';
import { parsePointer, readPointer } from '@setpoint/protocol';
import { leavesOf } from '../document/leaf-settings.ts';
import { createOverlapTest } from '../document/overlap.ts';
import { describeTarget, type Place, targetsOf } from '../layer/layer.ts';
import type { Origin, Resolved } from '../layer/resolve.ts';
import { redactValue, type SecretTest } from '../schema/redact.ts';
import type { CompiledSchema } from '../schema/schema.ts';
import type { Shape } from '../schema/shape.ts';

/** A document and what it is made of. */
export interface Explained {
  readonly resolved: Resolved;
  /** What says what settings are for: the authority's own schema, then the contracts. */
  readonly schemas: readonly CompiledSchema[];
  readonly isSecret: SecretTest;
  /** The settings that a running process can't take over. */
  readonly restartRequired: readonly Pointer[];
}

/**
 * Where every setting at or in a place comes from, as they stand in the document; a list is one setting. Empty where
 * there is no such place. Secrets are masked.
 */
export function explain(
  { resolved, schemas, isSecret, restartRequired }: Explained,
  pointer: Pointer = '',
): Explanation[] {
  const value = readPointer(resolved.values, pointer);
  if (value === undefined) return [];
  const isCold = createOverlapTest(restartRequired);
  return leavesOf(value, pointer).flatMap((leaf) => {
    const [winner, ...beneath] = resolved.origins(leaf.pointer).map((origin) => tell(origin, leaf.pointer, isSecret));
    if (!winner) return [];
    const reference = describeReference(resolved, leaf.pointer);
    const description = describe(schemas, leaf.pointer);
    return {
      pointer: leaf.pointer,
      ...winner,
      ...(reference !== undefined && { name: reference }),
      hot: !isCold(leaf.pointer),
      secret: isSecret(leaf.pointer),
      ...(description !== undefined && { description }),
      beneath,
    };
  });
}

function tell(origin: Origin, pointer: Pointer, isSecret: SecretTest): LayerValue {
  const value = redactValue(origin.value, pointer, isSecret);
  switch (origin.layer) {
    case 'runtime_update': {
      const { author, version, at, reason } = origin.override;
      return { layer: origin.layer, value, author, version, at, reason };
    }
    case 'default':
      return { layer: origin.layer, value };
    default:
      return { layer: origin.layer, value, ...placeOnly(origin.place) };
  }
}

const placeOnly = ({ file, line, name }: Place = {}): Place => ({
  ...(file !== undefined && { file }),
  ...(line !== undefined && { line }),
  ...(name !== undefined && { name }),
});

/** The places that a value is taken from, as the file writes it. */
function describeReference({ references }: Resolved, pointer: Pointer): string | undefined {
  const isIn = createOverlapTest([pointer]);
  const reference = references.find((one) => isIn(one.pointer));
  return (
    reference &&
    targetsOf(reference)
      .map((target) => `\${ref:${describeTarget(target)}}`)
      .join('')
  );
}

function describe(schemas: readonly CompiledSchema[], pointer: Pointer): string | undefined {
  const tokens = parsePointer(pointer);
  return schemas
    .flatMap(({ shape }) => shapeAt(shape, tokens)?.parts ?? [])
    .map(({ description }): JsonValue | undefined => description)
    .find((description) => typeof description === 'string');
}

function shapeAt(shape: Shape, tokens: readonly string[]): Shape | undefined {
  let here: Shape | undefined = shape;
  for (const token of tokens)
    here = here?.member(token) ?? (/^\d+$/.test(token) ? here?.item(Number(token)) : undefined);
  return here;
}
