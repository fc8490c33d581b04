import { appendToken, type Fault, type JsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import type { Shape } from '../schema/shape.ts';
import type { RuleContext } from './rule.ts';
import type { ValueRule } from './value-rules.ts';
import { type Kind, kindOf } from './walk-values.ts';

/**
 * Runs the rules that judge one value at a time over a document, in one walk. A section in which the same rules found
 * nothing is skipped until something in it changes; `remembered` identifies the rules and the kind of check.
 */
export function checkValues(
  rules: readonly ValueRule[],
  document: JsonObject,
  context: RuleContext,
  remembered?: object,
): Fault[] {
  const { schema, environment } = context;
  const asked = rules.filter(
    (rule) =>
      (rule.annotation === undefined || schema?.isAnnotated(rule.annotation)) &&
      (rule.environment === undefined || rule.environment === environment),
  );
  const of = (kind: Kind): ValueRule[] => asked.filter((rule) => rule.of === 'any' || rule.of === kind);
  const byKind = {
    text: of('text'),
    number: of('number'),
    list: of('list'),
    section: of('section'),
    other: of('other'),
  };
  const faults: Fault[] = [];
  /** Counts what was said, and what was left unsaid because of who said it or where secrets are: that may change. */
  let told = 0;
  const counting: RuleContext = {
    ...context,
    isSecret(pointer) {
      told += 1;
      return context.isSecret(pointer);
    },
    isGiven(pointer) {
      told += 1;
      return context.isGiven(pointer);
    },
  };

  function walk(value: JsonValue, name: string, shape: Shape | undefined, at: () => Pointer): void {
    const kind = kindOf(value);
    const section = kind === 'section' || kind === 'list' ? (value as JsonObject) : undefined;
    if (section && isQuiet(section, name, shape, remembered)) return;
    const before = told;
    for (const rule of byKind[kind]) {
      if (rule.name && !isNamed(rule.name, name)) continue;
      const spot = { value, kind, name, parts: shape?.parts ?? none, pointer: at };
      if (!rule.isBroken(spot, counting)) continue;
      told += 1;
      const { id, level, severity, message } = rule;
      faults.push({ pointer: at(), message, severity, level, rule: id });
    }
    if (!section) return;
    for (const key of Object.keys(section)) {
      const inner = (): Pointer => appendToken(at(), key);
      const member = section[key] as JsonValue;
      if (kind === 'list') walk(member, name, shape?.item(Number(key)), inner);
      else walk(member, key, shape?.member(key), inner);
    }
    if (remembered && told === before) quiet.set(section, { name, shape, remembered });
  }

  walk(document, '', schema?.shape, () => '');
  return faults;
}

const none: readonly JsonObject[] = [];

interface Quiet {
  readonly name: string;
  readonly shape: Shape | undefined;
  readonly remembered: object;
}

const quiet = new WeakMap<object, Quiet>();

function isQuiet(section: object, name: string, shape: Shape | undefined, remembered: object | undefined): boolean {
  const known = remembered && quiet.get(section);
  return known !== undefined && known.remembered === remembered && known.shape === shape && known.name === name;
}

/** A document has the names of its schema over and over. */
const namesOf = new Map<RegExp, Map<string, boolean>>();
const maxNames = 10_000;

function isNamed(pattern: RegExp, name: string): boolean {
  const names = namesOf.get(pattern) ?? new Map<string, boolean>();
  namesOf.set(pattern, names);
  const told = names.get(name) ?? pattern.test(name);
  if (names.size >= maxNames) names.clear();
  names.set(name, told);
  return told;
}
