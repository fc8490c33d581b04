import { parseName } from '@setpoint/protocol';
import { readSchema, type SchemaOptions } from '../author/schema-source.ts';
import { printOrWrite } from '../author/text-output.ts';
import { conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { force, out, schemaFile } from '../input/flags.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option(...schemaFile)
    .option(...out)
    .option(...force)
    .action((service: string, options: ExampleOptions) => act((context) => example(service, options, context)));
};

interface ExampleOptions extends SchemaOptions {
  readonly out?: string;
  readonly force?: boolean;
}

/** Prints a commented document with every setting of a service. */
export async function example(service: string, options: ExampleOptions, context: Context): Promise<ExitCode> {
  parseName(service, 'a service');
  const asked = await readSchema(service, options, context);
  if ('refusal' in asked) return conclude(asked.refusal, context);
  const [{ compileSchema }, { writeExample }] = await Promise.all([
    import('@setpoint/engine'),
    import('@setpoint/authoring'),
  ]);
  const text = writeExample(service, compileSchema(asked.schema));
  return printOrWrite(text, { service, example: text }, options, context);
}
