import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FilledFile, fillFile, parseTemplate, type Template, type TemplateValues } from './template.ts';
import { TemplateError } from './template-error.ts';

/** The folder of the templates that come with this package. */
export const ownTemplates: string = fileURLToPath(new URL('../../templates', import.meta.url));

/**
 * Every template of a folder, sorted by name.
 * @throws TemplateError `template_unreadable` for a folder or file that can't be read; `template_invalid`
 * @example
 * const names = (await readTemplates(ownTemplates)).map(({ name }) => name);
 */
export async function readTemplates(folder: string): Promise<Template[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    const detail = `can't read the folder of templates ${folder}: ${cause.code}`;
    throw new TemplateError('template_unreadable', detail, { cause });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(
    names.sort().map(async (name) => parseTemplate(name, await readText(join(folder, name, 'template.yaml')))),
  );
}

/**
 * One template of a folder.
 * @throws TemplateError `template_unknown` with the names there are; and what `readTemplates` throws
 * @example
 * const template = await findTemplate(ownTemplates, 'http-service');
 */
export async function findTemplate(folder: string, name: string): Promise<Template> {
  const templates = await readTemplates(folder);
  const found = templates.find((template) => template.name === name);
  if (found) return found;
  const known = templates.map((template) => template.name).join(', ');
  const detail = `there is no template ${name} in ${folder}; there is ${known || 'none'}`;
  throw new TemplateError('template_unknown', detail);
}

/**
 * The files of a template with its blanks filled in. Nothing is written.
 * @throws TemplateError `template_unreadable`, `template_invalid`
 * @example
 * const values = fillBlanks(template, { service: 'api', environment: '' }, { port: '8080' });
 * const files = await fillTemplate(ownTemplates, template, values);
 */
export const fillTemplate = (folder: string, template: Template, values: TemplateValues): Promise<FilledFile[]> =>
  Promise.all(
    template.files.map(async ({ from, to }) =>
      fillFile(template, to, await readText(join(folder, template.name, from)), values),
    ),
  );

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new TemplateError('template_unreadable', `can't read ${path}: ${code ?? message}`, { cause });
  }
}
