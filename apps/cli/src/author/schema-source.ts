import { isJsonObject, type JsonObject, type Result } from '@setpoint/protocol';
import { ask } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { CommandError } from '../exit-codes.ts';
import { readTextFile } from '../input/text-file.ts';

export interface SchemaOptions {
  /** A schema of this machine; the authority is not asked. */
  readonly file?: string;
}

/** The schema of a service, or the refusal to say it. */
export type AskedSchema = { readonly schema: JsonObject } | { readonly refusal: Result };

/**
 * What a document of a service must be: from a file, or from the authority.
 * @throws CommandError usage for a file that is none; refused where nobody says what a document must be
 */
export async function readSchema(service: string, { file }: SchemaOptions, context: Context): Promise<AskedSchema> {
  if (file !== undefined) return { schema: parseSchemaFile(await readTextFile(file), file) };
  const result = await ask(service, { op: 'schema' }, context);
  if (result.status !== 'found') return { refusal: result };
  const schema = result.found?.schema;
  if (schema) return { schema };
  throw new CommandError(
    'refused',
    `nobody says what a document of ${service} must be: it has no schema file, and no instance announced a contract`,
    { code: 'schema_unknown' },
  );
}

function parseSchemaFile(text: string, file: string): JsonObject {
  try {
    const schema: unknown = JSON.parse(text);
    if (isJsonObject(schema)) return schema;
  } catch {
    // Told below.
  }
  throw new CommandError('usage', `${file} is not a JSON Schema: it must be an object in JSON`, {
    code: 'file_unreadable',
  });
}

/** The schema as a file of its own, that says by which rules it is to be read. */
export const schemaText = ({ $schema: _, ...schema }: JsonObject): string =>
  `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema }, null, 2)}\n`;
