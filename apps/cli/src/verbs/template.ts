import { join } from 'node:path';
import {
  fillBlanks,
  fillTemplate,
  findTemplate,
  ownTemplates,
  readTemplates,
  type Template,
} from '@setpoint/authoring/template';
import { writeFiles } from '../author/written-file.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { environment, folder, force, param, target } from '../input/flags.ts';
import { alignColumns } from '../output/table.ts';
import { printable } from '../output/value-text.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (template, act) => {
  template
    .command('list')
    .description('print what there is')
    .option(...folder)
    .action((options: TemplateOptions) => act((context) => listTemplates(options, context)));
  template
    .command('show <name>')
    .description('print what a template asks, and what it writes')
    .option(...folder)
    .action((name: string, options: TemplateOptions) => act((context) => showTemplate(name, options, context)));
  template
    .command('apply <name>')
    .description('write its files for a service')
    .requiredOption('--service <name>', 'the service')
    .option(...environment)
    .option(...param)
    .option(...folder)
    .option(...target)
    .option(...force)
    .action((name: string, options: ApplyOptions) => act((context) => applyTemplate(name, options, context)));
};

interface TemplateOptions {
  /** A folder of templates other than those that come along. */
  readonly dir?: string;
}

interface ApplyOptions extends TemplateOptions {
  readonly service: string;
  readonly environment?: string;
  readonly param?: readonly string[];
  readonly out?: string;
  readonly force?: boolean;
}

/** Prints the templates of a folder. */
async function listTemplates({ dir = ownTemplates }: TemplateOptions, { printer }: Context): Promise<ExitCode> {
  const templates = await readTemplates(dir);
  if (printer.isJson) printer.json(templates.map(({ name, description }) => ({ name, description })));
  else
    for (const line of alignColumns(templates.map(({ name, description }) => [name, printable(description)])))
      printer.line(line);
  return exitCodes.done;
}

/** Prints what a template writes and what it asks. */
async function showTemplate(
  name: string,
  { dir = ownTemplates }: TemplateOptions,
  { printer }: Context,
): Promise<ExitCode> {
  const template = await findTemplate(dir, name);
  if (printer.isJson) printer.json(template);
  else for (const line of describe(template)) printer.line(line);
  return exitCodes.done;
}

function describe({ name, description, parameters, files }: Template): string[] {
  const rows = parameters.map((blank) => [
    `  ${blank.name}`,
    blank.oneOf ? blank.oneOf.join(' | ') : blank.type,
    blank.default === undefined ? 'required' : `default ${JSON.stringify(blank.default)}`,
    printable(blank.description),
  ]);
  return [
    `${name}: ${printable(description)}`,
    'Parameters:',
    ...alignColumns(rows),
    'Files:',
    ...files.map(({ to }) => `  ${printable(to)}`),
  ];
}

/** Writes the files of a template for a service. */
async function applyTemplate(name: string, options: ApplyOptions, { printer }: Context): Promise<ExitCode> {
  const { dir = ownTemplates, service, environment = '', param = [], out = '.', force = false } = options;
  const template = await findTemplate(dir, name);
  const values = fillBlanks(template, { service, environment }, parseParameters(param));
  const files = await fillTemplate(dir, template, values);
  await writeFiles(out, files, { force });
  const written = files.map(({ path }) => join(out, path));
  if (printer.isJson) printer.json({ template: name, service, written });
  else for (const path of written) printer.line(`wrote ${path}`);
  return exitCodes.done;
}

/** @throws CommandError usage for one that has no "=" */
export function parseParameters(texts: readonly string[]): Record<string, string> {
  const pairs = texts.map((text) => {
    const end = text.indexOf('=');
    if (end > 0) return [text.slice(0, end), text.slice(end + 1)] as const;
    throw new CommandError('usage', `"${text}" is not <name>=<value>; write for example --param port=8080`);
  });
  return Object.fromEntries(pairs);
}
