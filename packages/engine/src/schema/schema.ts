import { type Digest, digestOf, type Fault, type JsonObject, SetpointError } from '@setpoint/protocol';
import { createMigration, type Migrate, type Migration } from '../migration/migration.ts';
import { runWithin } from '../rule/time-limit.ts';
import { createPlaces, type Places } from './annotated-places.ts';
import { type CompilePattern, CountingEvaluator, type Evaluation, type Matcher } from './counting-evaluator.ts';
import { createFiller } from './defaults.ts';
import { compileLinearPattern } from './linear-pattern.ts';
import { findSchemaFaults } from './schema-keywords.ts';
import { refuseForeignReferences, schemasWithin } from './schema-walk.ts';
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
  /** What is wrong with a document, as far as it is found in a bounded number of steps; undefined past these. */
  evaluate(document: JsonObject): Evaluation | undefined;
  /** What is wrong with a document that is valid by its schema; undefined where the schema has no function for it. */
  readonly refine: ((document: JsonObject) => readonly Fault[]) | undefined;
}

/** What a schema says that JSON Schema has no words for. */
export interface SchemaExtras {
  readonly refine?: ((document: JsonObject) => readonly Fault[]) | undefined;
  readonly migrate?: Migrate | undefined;
}

/** A schema that came over the wire may be anything; past this it is not compiled. Bytes. */
const maxSchemaBytes = 262_144;

/** How long a pattern that needs backtracking may take with one text. Milliseconds. */
const patternLimitMs = 20;

/**
 * Makes a schema ready to be asked. Its own patterns may look ahead and behind.
 * @throws SetpointError `document_invalid` for what is not a JSON Schema, with the place of each fault in `faults`; for
 * `x-renames` that can't be followed; for a schema larger than 256 KiB or one that refers to itself without end
 * @example
 * const schema = compileSchema({ properties: { threshold: { type: 'number', maximum: 1, default: 0.5 } } });
 * schema.fillDefaults({}); // { threshold: 0.5 }
 */
export function compileSchema(schema: JsonObject, { refine, migrate }: SchemaExtras = {}): CompiledSchema {
  return makeSchema(schema, { refine, migrate }, compileOwnPattern);
}

/**
 * Makes a schema ready that came over the wire. Like `compileSchema`, but every pattern must be one that is matched in
 * linear time.
 * @throws SetpointError `document_invalid`
 */
export const compileContract = (schema: JsonObject): CompiledSchema => makeSchema(schema, {});

function makeSchema(
  schema: JsonObject,
  { refine, migrate }: SchemaExtras,
  compilePattern?: CompilePattern,
): CompiledSchema {
  const size = Buffer.byteLength(JSON.stringify(schema));
  if (size > maxSchemaBytes) {
    throw new SetpointError('document_invalid', `a schema of ${size} bytes is over the limit of ${maxSchemaBytes}`);
  }
  // Two builds may announce one $id with different content; it is not needed to resolve local references.
  const { $id: _, ...anonymous } = schema;
  const evaluator = createEvaluator(anonymous, compilePattern);
  const shape = createShape(anonymous, true);
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
    evaluate: (document) => evaluator.evaluate(document),
    refine,
  };
}

const notASchema = 'not a JSON Schema (2020-12)';

function createEvaluator(schema: JsonObject, compilePattern: CompilePattern | undefined): CountingEvaluator {
  const { $schema = dialect } = schema;
  if ($schema !== dialect && $schema !== `${dialect}#`) {
    const detail = `${notASchema}: "$schema" names ${JSON.stringify($schema)}; rewrite it for ${dialect}`;
    throw new SetpointError('document_invalid', detail);
  }
  const faults = findSchemaFaults(schema, compilePattern ?? compileLinearPattern);
  if (faults.length > 0) {
    const told = faults.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
    throw new SetpointError('document_invalid', `${notASchema}: ${told}`, { faults });
  }
  try {
    refuseForeignReferences(schema);
  } catch (cause) {
    throw new SetpointError('document_invalid', `${notASchema}: ${(cause as Error).message}`, { cause });
  }
  const evaluator = new CountingEvaluator(schema, compilePattern);
  if (evaluator.evaluate({}) === undefined) {
    throw new SetpointError('document_invalid', `${notASchema}: it refers to itself without end, or too many times`);
  }
  return evaluator;
}

const dialect = 'https://json-schema.org/draft/2020-12/schema';

/** In linear time where that can be done, else with a time limit. */
function compileOwnPattern(pattern: string): Matcher {
  try {
    const compiled = compileLinearPattern(pattern);
    return (text) => compiled.test(text);
  } catch {
    const compiled = new RegExp(pattern, 'u');
    return (text) => {
      let isMatch = false;
      const isDone = runWithin(patternLimitMs, () => {
        isMatch = compiled.test(text);
      });
      return isDone ? isMatch : undefined;
    };
  }
}
