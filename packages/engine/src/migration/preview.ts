import type { Difference, JsonObject, SchemaPreview } from '@setpoint/protocol';
import { changedPointers, readPointer } from '@setpoint/protocol';
import type { Layer } from '../layer/layer.ts';
import type { Override } from '../layer/overrides.ts';
import { redactDifference, type SecretTest } from '../redact.ts';
import { resolve, type Sources } from '../resolve.ts';
import type { CompiledSchema } from '../schema.ts';
import { type LiveContract, validate } from '../validate.ts';
import { migrateSources } from './migrate-sources.ts';

/** A service as it stands. */
export interface MigrationSubject {
  readonly schema: CompiledSchema | undefined;
  readonly layers: readonly Layer[];
  readonly overrides: readonly Override[];
  readonly contracts: readonly LiveContract[];
  readonly isSecret: SecretTest;
  readonly findService?: Sources['findService'];
}

/** What a new schema would make of a service. */
export function previewMigration(subject: MigrationSubject, schema: CompiledSchema): SchemaPreview {
  const { layers, overrides, contracts, findService } = subject;
  const migrated = migrateSources(schema, layers, overrides);
  const before = resolve({ schema: subject.schema, layers, overrides, findService }).values;
  const after = resolve({ ...migrated, schema, findService }).values;
  const isSecret: SecretTest = (pointer) => subject.isSecret(pointer) || schema.secrets.touches(pointer);
  const faults = validate(after, { own: schema, contracts, isSecret });
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

function differenceAt(pointer: string, before: JsonObject, after: JsonObject, isSecret: SecretTest): Difference {
  const [old, fresh] = [readPointer(before, pointer), readPointer(after, pointer)];
  const difference = {
    pointer,
    ...(old !== undefined && { before: old }),
    ...(fresh !== undefined && { after: fresh }),
  };
  return redactDifference(difference, isSecret);
}
