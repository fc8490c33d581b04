import type { CompiledSchema, MigrationSubject } from '@setpoint/engine';
import { resolve, type Sources } from '@setpoint/engine';
import { migrateSources, redactDifference, redactValue, type SecretTest, validate } from '@setpoint/engine/internal';
import type { Difference, Fault, JsonObject, SchemaPreview } from '@setpoint/protocol';
import { changedPointers, mask, readPointer } from '@setpoint/protocol';

/**
 * What a new schema would make of a service. Secrets are masked before it is asked: one that renames them, or judges
 * other settings by them, learns nothing. What it says of a secret itself is therefore not told.
 */
export function previewMigration(subject: MigrationSubject, schema: CompiledSchema): SchemaPreview {
  const { contracts, findService } = subject;
  const { layers, overrides } = maskSources(subject);
  const migrated = migrateSources(schema, layers, overrides);
  const before = resolve({ schema: subject.schema, layers, overrides, findService }).values;
  const after = resolve({ ...migrated, schema, findService }).values;
  const isSecret: SecretTest = (pointer) => subject.isSecret(pointer) || schema.secrets.touches(pointer);
  const isMasked = ({ pointer }: Fault): boolean => readPointer(after, pointer) === mask;
  const faults = validate(after, { own: schema, contracts, isSecret }).filter((fault) => !isMasked(fault));
  const masked = redactDifference({ pointer: '', before, after }, isSecret);
  return {
    before: masked.before as SchemaPreview['before'],
    after: masked.after as SchemaPreview['after'],
    changed: changedPointers(before, after).map((pointer) => differenceAt(pointer, before, after, isSecret)),
    faults,
    brokenInstances: [...new Set(faults.flatMap(({ instance }) => instance ?? []))],
    warnings: migrated.warnings,
  };
}

/** What refers to a secret is one, and leads nowhere any more. */
function maskSources({ layers, overrides, isSecret }: MigrationSubject): Pick<Sources, 'layers' | 'overrides'> {
  return {
    layers: layers.map((layer) => ({
      ...layer,
      document: redactValue(layer.document, '', isSecret) as JsonObject,
      ...(layer.references && { references: layer.references.filter(({ pointer }) => !isSecret(pointer)) }),
    })),
    overrides: overrides.map((override) =>
      override.value === undefined
        ? override
        : { ...override, value: redactValue(override.value, override.pointer, isSecret) },
    ),
  };
}

function differenceAt(pointer: string, before: JsonObject, after: JsonObject, isSecret: SecretTest): Difference {
  const [old, fresh] = [readPointer(before, pointer), readPointer(after, pointer)];
  const difference = {
    pointer,
    ...(old !== undefined && { before: old }),
    ...(fresh !== undefined && { after: fresh }),
  };
  return redactDifference(difference, isSecret);
}
