import type { Explanation } from '@setpoint/protocol';
import { readSchema, type SchemaOptions } from '../author/schema-source.ts';
import { printOrWrite } from '../author/text-output.ts';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { force, out, schemaFile } from '../input/flags.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option(...schemaFile)
    .option(...out)
    .option(...force)
    .action((service: string, options: DocsOptions) => act((context) => docs(service, options, context)));
};

interface DocsOptions extends SchemaOptions {
  readonly out?: string;
  readonly force?: boolean;
}

/** Prints every setting of a service as Markdown; asked of the authority, also where its value comes from. */
export async function docs(service: string, options: DocsOptions, context: Context): Promise<ExitCode> {
  const asked = await readSchema(service, options, context);
  if ('refusal' in asked) return conclude(asked.refusal, context);
  const [{ compileSchema }, { describeSettings, writeDocs }] = await Promise.all([
    import('@setpoint/engine'),
    import('@setpoint/authoring'),
  ]);
  const rows = describeSettings(compileSchema(asked.schema));
  const explanation = options.file === undefined ? await explain(service, context) : undefined;
  return printOrWrite(writeDocs(service, rows, explanation), { service, settings: rows }, options, context);
}

/** A service that has a schema and no document yet has no origins. */
async function explain(service: string, context: Context): Promise<readonly Explanation[] | undefined> {
  const { status, found } = await ask(service, { op: 'explain' }, context);
  return status === 'found' ? found?.explanation : undefined;
}
