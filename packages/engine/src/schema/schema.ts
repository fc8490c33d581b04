import { type Digest, digestOf, type Fault, type JsonObject, SetpointError } from '@setpoint/protocol';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { createMigration, type Migrate, type Migration } from '../migration/migration.ts';
import { createPlaces, type Places } from './annotated-places.ts';
import { createFiller } from './defaults.ts';
import { refuseForeignReferences, schemasWithin } from './schema-walk.ts';
import { createSectionCheck } from './section-check.ts';
import { createShape, type Shape } from './shape.ts';

/** A JSON Schema (2020-12) ready to be asked. */
export interface CompiledSchema {
  readonly digest: Digest;
  /** Without its name. */
  readonly schema: JsonObject;
  /** What may stand where. */
  readonly shape: Shape;
  /** Places marked `x-secret`. */
  readonly secrets: Places;
  /** Places marked `x-restart-required`. */
  readonly restartRequired: Places;
  /** Does the schema use this keyword anywhere? */
  isAnnotated(keyword: string): boolean;
  /** How documents of an older schema become documents of this one; undefined where it says nothing of them. */
  readonly migration: Migration | undefined;
  /** The document with what the defaults add; with its identity where they add nothing. */
  fillDefaults(document: JsonObject): JsonObject;
  /** What the validator finds wrong, every fault at once. */
  check(document: JsonObject): readonly ErrorObject[];
  /** What is wrong with a document that the validator finds nothing wrong with. */
  refine(document: JsonObject): readonly Fault[];
}

/** What a schema says that JSON Schema has no words for. */
export interface SchemaExtras {
  readonly refine?: ((document: JsonObject) => readonly Fault[]) | undefined;
  readonly migrate?: Migrate | undefined;
}

const ajv = new Ajv2020({ allErrors: true, strict: false, verbose: true, logger: false, ownProperties: true });
addFormats.default(ajv);
/** The same, for who wants to know only whether. */
const quickAjv = new Ajv2020({ strict: false, logger: false, ownProperties: true });
addFormats.default(quickAjv);

/** A schema that came over the wire may be anything; past this it is not compiled. Bytes. */
const maxSchemaBytes = 262_144;

const nothing: readonly Fault[] = Object.freeze([]);

/**
 * Compiles a schema; costs tens of milliseconds, so keep the outcome.
 * @throws SetpointError `document_invalid` for what is not a JSON Schema, says `x-renames` that can't be followed, or
 * is larger than 256 KiB
 */
export function compileSchema(schema: JsonObject, { refine, migrate }: SchemaExtras = {}): CompiledSchema {
  const size = Buffer.byteLength(JSON.stringify(schema));
  if (size > maxSchemaBytes) {
    throw new SetpointError('document_invalid', `a schema of ${size} bytes is over the limit of ${maxSchemaBytes}`);
  }
  // Two builds may announce one $id with different content; it is not needed to resolve local references. $async would
  // make the validator answer with a promise.
  const { $id: _, $async: __, ...anonymous } = schema;
  const validate = compile(anonymous);
  const shape = createShape(anonymous, true);
  const sections = createSectionCheck(quickAjv, anonymous);
  let keywords: ReadonlySet<string> | undefined;
  return {
    digest: digestOf(schema),
    schema: anonymous,
    shape,
    secrets: createPlaces(anonymous, shape, 'x-secret'),
    restartRequired: createPlaces(anonymous, shape, 'x-restart-required'),
    isAnnotated(keyword) {
      keywords ??= new Set([...schemasWithin(anonymous, [anonymous])].flatMap((part) => Object.keys(part)));
      return keywords.has(keyword);
    },
    migration: createMigration(anonymous, migrate),
    fillDefaults: createFiller(anonymous),
    check(document) {
      if (sections?.isValid(document)) return [];
      if (!validate(document)) return validate.errors ?? [];
      sections?.remember(document);
      return [];
    },
    refine: refine ?? (() => nothing),
  };
}

function compile(schema: JsonObject): ReturnType<typeof ajv.compile> {
  try {
    refuseForeignReferences(schema);
    return ajv.compile(schema);
  } catch (cause) {
    throw new SetpointError('document_invalid', `not a JSON Schema (2020-12): ${(cause as Error).message}`, { cause });
  } finally {
    // The compiled function stands on its own; the cache would keep every schema ever announced.
    ajv.removeSchema(schema);
  }
}
