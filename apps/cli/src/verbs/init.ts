import { join } from 'node:path';
import {
  fillBlanks,
  fillTemplate,
  findTemplate,
  ownTemplates,
  readTemplates,
  type TemplateSubject,
} from '@setpoint/authoring/template';
import { parseName } from '@setpoint/protocol';
import { askAnswers, confirmReplacing, isAtTerminal } from '../author/init-questions.ts';
import { findOthers, writeFiles } from '../author/written-file.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { environment, folder, force, param, target } from '../input/flags.ts';
import { parseParameters } from './template.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option('--service <name>', 'the service')
    .option('--template <name>', 'what it starts from; see setpoint template list')
    .option(...environment)
    .option(...param)
    .option(...folder)
    .option(...target)
    .option('--yes', 'ask nothing, and take the defaults')
    .option(...force)
    .action((options: InitOptions) => act((context) => init(options, context)));
};

interface InitOptions {
  readonly service?: string;
  readonly template?: string;
  readonly environment?: string;
  readonly param?: readonly string[];
  readonly dir?: string;
  readonly out?: string;
  readonly yes?: boolean;
  readonly force?: boolean;
}

/** Writes the first configuration of a service from a template; asks at a terminal for what no option says. */
export async function init(options: InitOptions, { printer }: Context): Promise<ExitCode> {
  const { dir = ownTemplates, out = '.', force = false, param = [], yes = false } = options;
  const isAsking = !yes && !printer.isJson && isAtTerminal();
  const given = { ...options, values: parseParameters(param) };
  const answers = isAsking ? await askAnswers(given, await readTemplates(dir)) : withoutAsking(given);
  const subject = { service: parseName(answers.service, 'a service'), environment: answers.environment };
  const template = await findTemplate(dir, answers.template);
  const files = await fillTemplate(dir, template, fillBlanks(template, subject, answers.values));
  const others = force ? [] : await findOthers(out, files);
  if (isAsking && others.length > 0 && !(await confirmReplacing(others))) {
    printer.line('nothing is written');
    return exitCodes.done;
  }
  await writeFiles(out, files, { force: force || isAsking });
  const written = files.map(({ path }) => join(out, path));
  if (printer.isJson) printer.json({ ...subject, template: template.name, written });
  else for (const line of [...written.map((path) => `wrote ${path}`), '', ...nextSteps(subject)]) printer.line(line);
  return exitCodes.done;
}

/** @throws CommandError usage where an option is missing */
function withoutAsking({
  service,
  template,
  environment = '',
  values,
}: InitOptions & { readonly values: Readonly<Record<string, string>> }) {
  if (service !== undefined && template !== undefined) return { service, template, environment, values };
  const missing = [service === undefined ? '--service' : '', template === undefined ? '--template' : ''];
  throw new CommandError(
    'usage',
    `nobody can be asked here, so init needs ${missing.filter((flag) => flag !== '').join(' and ')}; ` +
      'setpoint template list tells what there is',
  );
}

/** The environment is the prefix of its topics. */
function nextSteps({ service, environment }: TemplateSubject): string[] {
  const [variable, option] =
    environment === '' ? ['', ''] : [`SETPOINT_PREFIX=${environment} `, ` --prefix ${environment}`];
  return [
    'What to try next:',
    `  ${variable}npx @setpoint/config-authority   # start the authority; it reads config/`,
    `  setpoint${option} get ${service}`,
    `  setpoint${option} docs ${service}`,
    `  setpoint${option} schema ${service} --vscode   # the editor completes and checks config/${service}.yaml`,
  ];
}
