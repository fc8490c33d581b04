import { stat } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type CompiledSchema, compileSchema } from '@setpoint/engine';
import { type Fault, formatPointer, type JsonObject, SetpointError } from '@setpoint/protocol';
import { z } from 'zod';
import { ModuleProbeError, probeModule } from './module-probe.ts';

/** What a schema module may hand out by default, besides a zod schema alone. */
export interface SchemaModule {
  readonly schema: z.ZodType | JsonObject;
  /** Settings that have another place now. */
  readonly renames?: readonly { readonly from: string; readonly to: string }[];
  /** Makes a document of this schema of one that may be older. Called for every source, which may say only a part. */
  readonly migrate?: (document: JsonObject) => JsonObject;
}

/**
 * Loads `<service>.schema.ts`, `.mjs` or `.js`: its default export is a zod schema, or `{ schema, renames?, migrate? }`.
 * An edited file is loaded anew; what it imports is not. What zod checks beyond JSON Schema (`refine`) counts too.
 * @throws SetpointError `document_invalid`, with the file and the line in its faults, for one that can't be loaded
 */
export async function loadSchemaModule(path: string): Promise<CompiledSchema> {
  const exported = await importModule(path);
  try {
    const { schema, renames, migrate } = readModule(exported);
    const derived = isZod(schema) ? toJsonSchema(schema) : schema;
    const refine = isZod(schema) ? (document: JsonObject) => refineWith(schema, document) : undefined;
    const renaming = renames && { 'x-renames': renames.map(({ from, to }) => ({ from, to })) };
    return compileSchema({ ...derived, ...renaming }, { refine, migrate });
  } catch (cause) {
    throw unusable(path, describe(cause).message, 1, cause);
  }
}

/** Imports a module as it stands now: a module is kept by its address, so the address says when it was written. */
export async function importModule(path: string): Promise<unknown> {
  lendZod();
  const { mtimeNs, size } = await stat(path, { bigint: true });
  const { href } = pathToFileURL(path);
  const address = `${href}?v=${mtimeNs}-${size}`;
  try {
    await probeModule(address);
    const module = (await import(address)) as { readonly default?: unknown };
    return module.default;
  } catch (cause) {
    const { message, stack } = describe(cause);
    const line = stack.split(basename(href))[1]?.match(/^(?:\?[^:\s)]*)?:(\d+)/)?.[1];
    throw unusable(path, `the module can't be loaded: ${message}`, Number(line ?? 1), cause);
  }
}

/** A module may throw anything, also null, and an error whose members throw themselves. */
export function describe(cause: unknown): { readonly message: string; readonly stack: string } {
  try {
    if (cause instanceof ModuleProbeError) return { message: cause.message, stack: cause.thrownStack };
    if (cause instanceof Error) return { message: String(cause.message), stack: String(cause.stack) };
    return { message: `it threw ${String(cause)}`, stack: '' };
  } catch {
    return { message: 'it threw something that can not be read', stack: '' };
  }
}

const unusable = (path: string, message: string, line: number, cause: unknown): SetpointError =>
  new SetpointError('document_invalid', `${basename(path)}: ${message}`, {
    cause,
    faults: [{ pointer: '', message, file: path, line }],
  });

let isLent = false;

/** A folder of configuration has no packages: the zod that it asks for is ours. */
function lendZod(): void {
  if (isLent) return;
  isLent = true;
  registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (cause) {
        if (!/^zod(\/|$)/.test(specifier)) throw cause;
        return next(specifier, { ...context, parentURL: import.meta.url });
      }
    },
  });
}

const isZod = (value: unknown): value is z.ZodType => value instanceof Object && 'safeParse' in value;

function readModule(exported: unknown): SchemaModule {
  const module = (isZod(exported) ? { schema: exported } : exported) as SchemaModule | undefined;
  if (!(module?.schema instanceof Object) || Array.isArray(module.schema)) {
    throw new Error('its default export must be a zod schema, or an object with one as "schema"');
  }
  if (module.migrate !== undefined && typeof module.migrate !== 'function') {
    throw new Error('"migrate" must be a function');
  }
  return module;
}

function toJsonSchema(schema: z.ZodType): JsonObject {
  // What is checked is the published document, so it is the input side; what a transform makes of it is private.
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12', unrepresentable: 'any' }) as JsonObject;
}

/** Asked of a document that JSON Schema finds nothing wrong with. */
function refineWith(schema: z.ZodType, document: JsonObject): Fault[] {
  try {
    const { error } = schema.safeParse(document);
    return (error?.issues ?? []).map(({ path, message }) => ({ pointer: formatPointer(path.map(String)), message }));
  } catch (cause) {
    const why = cause instanceof z.core.$ZodAsyncError ? 'checks that wait for something' : 'a check that failed';
    return [{ pointer: '', message: `can't be checked: the schema module has ${why}` }];
  }
}
