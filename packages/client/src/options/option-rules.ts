import type { OnFault } from './broker-rules.ts';
import { nearestName } from './nearest-name.ts';

/** Says what a value must be, where it is not that. */
export type Rule = (value: unknown) => string | undefined;

/** One for each option. */
export type Rules<Options> = { readonly [Name in keyof Options]-?: Rule };

/** Callers without types may give anything. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const mustBe =
  (what: string, is: (value: unknown) => boolean): Rule =>
  (value) =>
    is(value) ? undefined : what;

export const aFunction: Rule = mustBe('must be a function', (value) => typeof value === 'function');
export const aSwitch: Rule = mustBe('must be true or false', (value) => typeof value === 'boolean');
export const aText: Rule = mustBe('must be a text', (value) => typeof value === 'string');
export const anObject: Rule = mustBe('must be an object', isRecord);
/** For what is looked into elsewhere. */
export const anything: Rule = () => undefined;

export const oneOf = (...words: readonly string[]): Rule =>
  mustBe(`is ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`, (value) => words.includes(value as string));

/** The longest that a timer can wait. Milliseconds. */
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

/** An object that has to have these functions. */
export const having = (what: string, ...functions: readonly string[]): Rule =>
  mustBe(what, (value) => {
    const isObject = (typeof value === 'object' || typeof value === 'function') && value !== null;
    return isObject && functions.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
  });

interface Checking<Options> {
  /** Before the names of the options in what is told: `messaging/`. @default "" */
  readonly place?: string;
  /** Those that can't be left out. */
  readonly needs?: readonly (keyof Options)[];
  readonly onFault: OnFault;
}

/** Tells of every option that is not what it must be, and returns the others. One that is undefined is not given. */
export function keepFitting<Options extends object>(
  given: object,
  rules: Rules<Options>,
  { place = '', needs = [], onFault }: Checking<Options>,
): Partial<Options> {
  const fitting: Partial<Options> = {};
  for (const name of Object.keys(rules) as (keyof Options & string)[]) {
    const value = (given as Options)[name];
    if (value === undefined && !needs.includes(name)) continue;
    const fault = rules[name](value);
    if (fault === undefined) fitting[name] = value;
    else onFault(`${place}${name}`, fault);
  }
  return fitting;
}

/** The same for options within an option, which also has to be an object and to have no other names. */
export function keepFittingWithin<Options extends object>(
  given: unknown,
  rules: Rules<Options>,
  { place, needs = [], onFault }: Checking<Options> & { readonly place: string },
): Partial<Options> {
  if (given === undefined) return {};
  if (!isRecord(given)) {
    onFault(place, 'must be an object of options');
    return {};
  }
  const fitting = keepFitting<Options>(given, rules, { place: `${place}/`, needs, onFault });
  checkNames(given, Object.keys(rules), { place: `${place}/`, onFault });
  return fitting;
}

/** Tells of every name that is none, which is likely a slip: what it says would have no effect. */
export function checkNames(
  given: object,
  names: readonly string[],
  { place = '', onFault }: Pick<Checking<object>, 'place' | 'onFault'>,
): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || names.includes(name)) continue;
    const near = nearestName(name, names);
    onFault(`${place}${name}`, near === undefined ? 'is no option' : `is no option; did you mean ${near}?`);
  }
}
