import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../exit-codes.ts';
import { readTextFile } from '../input/text-file.ts';
import { type FilledFile, fillFile, parseTemplate, type Template, type TemplateValues } from './template.ts';

/** The templates that come with the command line. */
export const ownTemplates: string = fileURLToPath(new URL('../../templates', import.meta.url));

/**
 * Every template of a folder, by name.
 * @throws CommandError usage for a folder that can't be read; refused for a template that can't be used
 */
export async function readTemplates(folder: string): Promise<Template[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new CommandError('usage', `can't read the folder of templates ${folder}: ${cause.code}`, { cause });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(
    names.sort().map(async (name) => parseTemplate(name, await readTextFile(join(folder, name, 'template.yaml')))),
  );
}

/** @throws CommandError usage, with the names there are */
export async function findTemplate(folder: string, name: string): Promise<Template> {
  const templates = await readTemplates(folder);
  const found = templates.find((template) => template.name === name);
  if (found) return found;
  const known = templates.map((template) => template.name).join(', ');
  throw new CommandError('usage', `there is no template ${name} in ${folder}; there is ${known || 'none'}`, {
    code: 'template_unknown',
  });
}

/** The files of a template with its blanks filled in. */
export const fillTemplate = (folder: string, template: Template, values: TemplateValues): Promise<FilledFile[]> =>
  Promise.all(
    template.files.map(async ({ from, to }) =>
      fillFile(template, to, await readTextFile(join(folder, template.name, from)), values),
    ),
  );
