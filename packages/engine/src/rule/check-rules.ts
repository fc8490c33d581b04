import type { Fault, JsonObject } from '@setpoint/protocol';
import type { Finding, Rule, RuleContext } from './rule.ts';
import { runWithin } from './time-limit.ts';

/** A rule that takes longer is ended, and set aside until the rules are read again. Milliseconds. */
const ruleLimitMs = 250;
/** More findings of one rule would not help anyone. */
const maxFindings = 100;

const setAside = new WeakSet<Rule>();

/** What rules say of a document. One that throws or does not end is told as a warning; it refuses nothing. */
export function checkRules(rules: readonly Rule[], document: JsonObject, context: RuleContext): Fault[] {
  const faults: Fault[] = [];
  let next = 0;
  let ended: Rule | undefined;
  const run = (): void => {
    for (; next < rules.length; next += 1) {
      const rule = rules[next] as Rule;
      faults.push(...(setAside.has(rule) ? [tooSlow(rule)] : check(rule, document, context)));
    }
  };
  while (next < rules.length) {
    if (runWithin(ruleLimitMs, run)) break;
    // It was ended when all had been asked.
    if (next === rules.length) break;
    const rule = rules[next] as Rule;
    // Those before it had a share of the time, or the machine was busy: it is asked once more, with all of it.
    if (ended !== rule) {
      ended = rule;
      continue;
    }
    setAside.add(rule);
    faults.push(tooSlow(rule));
    next += 1;
  }
  return faults;
}

/** The fault that a finding of a rule is. */
export const toFault = ({ id, level, severity }: Rule, { pointer = '', ...told }: Finding): Fault => ({
  pointer,
  ...told,
  severity,
  level,
  rule: id,
});

function check(rule: Rule, document: JsonObject, context: RuleContext): Fault[] {
  try {
    const faults: Fault[] = [];
    for (const finding of rule.check(document, context)) {
      faults.push(toFault(rule, readFinding(finding)));
      if (faults.length === maxFindings) break;
    }
    return faults;
  } catch (cause) {
    return [unchecked(rule, `it failed: ${cause instanceof Error ? cause.message : String(cause)}`)];
  }
}

/** A finding crosses the wire: of what a module hands out only what it promises is taken. */
function readFinding({ pointer, message, expected, suggestion }: Finding): Finding {
  return {
    ...(typeof pointer === 'string' && isPointer(pointer) && { pointer }),
    message: String(message),
    ...(typeof expected === 'string' && { expected }),
    ...(typeof suggestion === 'string' && { suggestion }),
  };
}

const isPointer = (text: string): boolean => /^(\/([^~/]|~[01])*)*$/.test(text);

const tooSlow = (rule: Rule): Fault =>
  unchecked(rule, `it took longer than ${ruleLimitMs} ms and is set aside until the rules are read again`);

const unchecked = ({ id, level }: Rule, why: string): Fault => ({
  pointer: '',
  message: `the rule ${id} could not be checked: ${why}`,
  severity: 'warning',
  level,
  rule: id,
});
