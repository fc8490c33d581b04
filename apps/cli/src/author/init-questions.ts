import { defaultOf, readBlank, type Template, type TemplateParameter, wanted } from '@setpoint/authoring/template';
import { isName } from '@setpoint/protocol';
import { CommandError } from '../exit-codes.ts';

/** What `init` has to know. */
export interface InitAnswers {
  readonly service: string;
  readonly template: string;
  readonly environment: string;
  /** What stands in the blanks of the template, as it was typed. */
  readonly values: Readonly<Record<string, string>>;
}

/** What is known already; left out is what has to be asked. */
export type GivenAnswers = Partial<Omit<InitAnswers, 'values'>> & Pick<InitAnswers, 'values'>;

/** Where questions are asked; left out: at the terminal of this process. */
export interface Terminal {
  readonly input?: NodeJS.ReadableStream;
  readonly output?: NodeJS.WritableStream;
}

/** Can somebody be asked here? */
export const isAtTerminal = (): boolean => process.stdin.isTTY === true && process.stdout.isTTY === true;

/**
 * Asks at the terminal for what is not given.
 * @throws CommandError usage when the one who is asked leaves
 */
export const askAnswers = (
  given: GivenAnswers,
  templates: readonly Template[],
  terminal: Terminal = {},
): Promise<InitAnswers> =>
  untilLeft(async () => {
    const { input, select } = await import('@inquirer/prompts');
    const service = given.service ?? (await input({ message: 'Service', validate: checkName }, terminal));
    const template =
      given.template ?? (await select({ message: 'Template', choices: templates.map(choiceOf) }, terminal));
    const environment =
      given.environment ?? (await select({ message: 'Environment', choices: environments }, terminal));
    const blanks = templates.find(({ name }) => name === template)?.parameters ?? [];
    const values: Record<string, string> = { ...given.values };
    for (const blank of blanks) values[blank.name] ??= await askBlank(blank, environment, terminal);
    return { service, template, environment, values };
  });

/** @throws CommandError usage when the one who is asked leaves */
export const confirmReplacing = (paths: readonly string[]): Promise<boolean> =>
  untilLeft(async () => {
    const { confirm } = await import('@inquirer/prompts');
    const message = `${paths.join(', ')} ${paths.length === 1 ? 'is' : 'are'} there already. Replace?`;
    return confirm({ message, default: false });
  });

const environments = [
  { value: '', name: 'only one', description: 'no prefix before its topics' },
  { value: 'development' },
  { value: 'staging' },
  { value: 'production' },
];

const choiceOf = ({ name, description }: Template) => ({ value: name, description });

const checkName = (text: string): true | string =>
  isName(text) || 'use 1 to 63 of a–z, 0–9, "_" and "-", starting with a letter or digit';

async function askBlank(blank: TemplateParameter, environment: string, terminal: Terminal): Promise<string> {
  const { input, select } = await import('@inquirer/prompts');
  const usual = defaultOf(blank, environment);
  const start = usual === undefined ? {} : { default: String(usual) };
  const choices = blank.oneOf ?? (blank.type === 'boolean' ? [true, false] : undefined);
  if (choices) return select({ message: blank.description, choices: choices.map(String), ...start }, terminal);
  const validate = (text: string): true | string => readBlank(blank, text) !== undefined || wanted(blank);
  return input({ message: blank.description, validate, ...start }, terminal);
}

/** Ctrl-C at a prompt ends the command without an error report. */
async function untilLeft<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (!(cause instanceof Error && cause.name === 'ExitPromptError')) throw cause;
    throw new CommandError('usage', 'left before all was answered; nothing is written', { code: 'left', cause });
  }
}
