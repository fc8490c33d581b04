import { posix } from 'node:path';
import { parseName } from '@setpoint/protocol';
import { readSchema, type SchemaOptions, schemaText } from '../author/schema-source.ts';
import { vscodeSettings } from '../author/vscode-settings.ts';
import { readIfThere, writeFiles } from '../author/written-file.ts';
import { conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { force, schemaFile } from '../input/flags.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option(...schemaFile)
    .option('--vscode', 'write it into .vscode and name it in its settings, so that YAML is completed and checked')
    .option('--out <folder>', 'write it into this folder')
    .option(...force)
    .action((service: string, options: SchemaCommandOptions) => act((context) => schema(service, options, context)));
};

interface SchemaCommandOptions extends SchemaOptions {
  readonly vscode?: boolean;
  readonly out?: string;
  readonly force?: boolean;
}

const settingsPath = '.vscode/settings.json';

/** Prints the JSON Schema of a service, or writes it where an editor finds it. */
export async function schema(service: string, options: SchemaCommandOptions, context: Context): Promise<ExitCode> {
  parseName(service, 'a service');
  const asked = await readSchema(service, options, context);
  if ('refusal' in asked) return conclude(asked.refusal, context);
  const { printer } = context;
  const text = schemaText(asked.schema);
  if (options.out === undefined && options.vscode !== true) {
    printer.line(text.trimEnd());
    return exitCodes.done;
  }
  // Not beside the YAML: there it would become the schema that the authority goes by.
  const path = posix.join(options.out ?? '.vscode', `${service}.schema.json`);
  const settings = options.vscode === true ? await addToEditor(service, path) : [];
  await writeFiles('', [{ path, text }], { force: options.force === true || options.out === undefined });
  await writeFiles('', settings, { force: true });
  const written = [path, ...settings.map((file) => file.path)];
  if (printer.isJson) printer.json({ service, written });
  else for (const each of written) printer.line(`wrote ${each}`);
  return exitCodes.done;
}

async function addToEditor(service: string, path: string): Promise<{ path: string; text: string }[]> {
  const schemaPath = posix.isAbsolute(path) || path.startsWith('../') ? path : `./${path}`;
  const patterns = [`**/${service}.yaml`, `**/${service}.yml`];
  const existing = (await readIfThere(settingsPath)) ?? '';
  return [{ path: settingsPath, text: vscodeSettings(existing, schemaPath, patterns) }];
}
