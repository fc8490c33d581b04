import { findNearName } from '@setpoint/protocol/internal';

/**
 * The rules that the options of `connect`, of messaging and of its calls are checked by. A rule is a function and not a
 * zod schema: docs/adr/0022 has the measurements.
 */

/** Returns what a value must be if it is not that, as in "must be a function". */
export type Rule = (value: unknown) => string | undefined;

/** One rule for each option. */
export type Rules<Options> = { readonly [Name in keyof Options]-?: Rule };

/** Receives one fault. `option` is the option's name, or `environment/` and the name of the variable that set it. */
export type OnFault = (option: string, message: string) => void;

/** Whether a value is an object and not a list. Callers without types may pass anything. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const mustBe =
  (requirement: string, isMet: (value: unknown) => boolean): Rule =>
  (value) =>
    isMet(value) ? undefined : requirement;

export const aFunction: Rule = mustBe('must be a function', (value) => typeof value === 'function');
export const aSwitch: Rule = mustBe('must be true or false', (value) => typeof value === 'boolean');
export const aText: Rule = mustBe('must be a text', (value) => typeof value === 'string');
export const anObject: Rule = mustBe('must be an object', isRecord);
/** Accepts every value, because the option is checked elsewhere. */
export const anything: Rule = () => undefined;

export const oneOf = (...words: readonly string[]): Rule =>
  mustBe(
    `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    (value) => typeof value === 'string' && words.includes(value),
  );

/** The longest time that a timer can wait. Milliseconds. */
const longestTimerMs = 2_147_483_647;

export const numberFrom = (least: number, most: number = longestTimerMs): Rule =>
  mustBe(`must be ${least} to ${most}`, (value) => isBetween(value, least, most));

export const wholeFrom = (least: number, most: number): Rule =>
  mustBe(
    `must be a whole number from ${least} to ${most}`,
    (value) => isBetween(value, least, most) && Number.isInteger(value),
  );

const isBetween = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && value >= least && value <= most;

/** Accepts an object that has all of these functions. */
export const having = (requirement: string, ...functions: readonly string[]): Rule =>
  mustBe(requirement, (value) => {
    const isObject = (typeof value === 'object' || typeof value === 'function') && value !== null;
    return isObject && functions.every((name) => typeof Reflect.get(value, name) === 'function');
  });

interface CheckOptions<Options> {
  /** What stands before the option's name in a fault, such as `messaging/`. @default "" */
  readonly prefix?: string;
  /** Options that cannot be left out. */
  readonly required?: readonly (keyof Options)[];
  readonly onFault: OnFault;
}

/**
 * Reports every option that breaks its rule, and returns the others, so that the checks that follow can go on with them.
 * An option that is `undefined` counts as left out.
 */
export function keepValid<Options extends object>(
  given: object,
  rules: Rules<Options>,
  { prefix = '', required = [], onFault }: CheckOptions<Options>,
): Partial<Options> {
  const valid: Partial<Options> = {};
  for (const name of Object.keys(rules) as (keyof Options & string)[]) {
    const value = (given as Options)[name];
    if (value === undefined && !required.includes(name)) continue;
    const fault = rules[name](value);
    if (fault === undefined) valid[name] = value;
    else onFault(`${prefix}${name}`, fault);
  }
  return valid;
}

/** Like `keepValid`, for an option that holds options: it must be an object, and have no unknown members. */
export function keepValidMembers<Options extends object>(
  given: unknown,
  rules: Rules<Options>,
  { option, required = [], onFault }: Omit<CheckOptions<Options>, 'prefix'> & { readonly option: string },
): Partial<Options> {
  if (given === undefined) return {};
  if (!isRecord(given)) {
    onFault(option, 'must be an object of options');
    return {};
  }
  const prefix = `${option}/`;
  const valid = keepValid<Options>(given, rules, { prefix, required, onFault });
  reportUnknownNames(given, Object.keys(rules), { prefix, onFault });
  return valid;
}

/** Reports every name that is not an option: most likely it is misspelt, and its value would have no effect. */
export function reportUnknownNames(
  given: object,
  names: readonly string[],
  { prefix = '', onFault }: Pick<CheckOptions<object>, 'prefix' | 'onFault'>,
): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || names.includes(name)) continue;
    const near = findNearName(name, names);
    onFault(`${prefix}${name}`, near === undefined ? 'is no option' : `is no option; did you mean ${near}?`);
  }
}
