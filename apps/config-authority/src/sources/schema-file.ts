import { join } from 'node:path';
import { type CompiledSchema, compileSchema, parseYamlFile } from '@setpoint/engine';
import { digestOf, type Fault, type JsonObject, SetpointError } from '@setpoint/protocol';
import { schemaEndings } from './file-names.ts';
import { isThere, readIfThere } from './read-file.ts';
import { loadSchemaModule } from './schema-module.ts';

export type SchemaOutcome =
  | { readonly kind: 'schema'; readonly schema: CompiledSchema | undefined }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[] };

/** Reads the schema beside a service's file, as JSON or as a module; undefined where there is none. */
export async function readSchema(directory: string, service: string): Promise<SchemaOutcome> {
  const [json, ...modules] = schemaEndings.map((ending) => join(directory, `${service}${ending}`)) as [string];
  try {
    const found = (
      await Promise.all([json, ...modules].map(async (file) => ((await isThere(file)) ? [file] : [])))
    ).flat();
    const [file, other] = found;
    if (file === undefined) return { kind: 'schema', schema: undefined };
    if (other !== undefined) return refuse(`${file} and ${other} are for one service; keep one of them`, file);
    if (file !== json) return { kind: 'schema', schema: await loadSchemaModule(file) };
    return { kind: 'schema', schema: compileOnce(file, parseSchema((await readIfThere(file)) ?? '', file)) };
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    if (cause.faults.some((fault) => fault.file !== undefined)) return { kind: 'faults', faults: cause.faults };
    return refuse(cause.message, json, cause.faults);
  }
}

const refuse = (message: string, file: string, more: readonly Fault[] = []): SchemaOutcome => ({
  kind: 'faults',
  faults: [{ pointer: '', message, file, line: 1 }, ...more],
});

/** Compiling takes tens of milliseconds; a schema that is read again without a change is not compiled again. */
const compiled = new Map<string, CompiledSchema>();

function compileOnce(file: string, schema: JsonObject): CompiledSchema {
  const known = compiled.get(file);
  const fresh = known?.digest === digestOf(schema) ? known : compileSchema(schema);
  compiled.set(file, fresh);
  return fresh;
}

function parseSchema(text: string, file: string): JsonObject {
  const parsed = parseYamlFile(text, file);
  if (parsed.kind === 'layer') return parsed.layer.document;
  const [first] = parsed.faults;
  const faults = [{ pointer: '', message: 'the schema is not JSON', file, line: first?.line ?? 1 }, ...parsed.faults];
  throw new SetpointError('document_invalid', 'the schema is not JSON', { faults });
}
