import { describe, expect, it } from 'vitest';
import { checkRules } from './check-rules.ts';
import type { Rule, RuleContext } from './rule.ts';

const busy = (id: string, ms: number): Rule => ({
  id,
  level: 'best_practice',
  severity: 'warning',
  *check() {
    for (const end = performance.now() + ms; performance.now() < end; );
    yield { message: 'is seen' };
  },
});

describe('rules that take their time', () => {
  it('are asked all, where none of them takes too long by itself', () => {
    const rules = ['a', 'b', 'c', 'd', 'e'].map((id) => busy(id, 80));
    const told = checkRules(rules, {}, {} as RuleContext).map(({ rule, message }) => `${rule} ${message}`);
    expect(told).toEqual(['a is seen', 'b is seen', 'c is seen', 'd is seen', 'e is seen']);
  });

  it('are ended and set aside where one does, and the others count', () => {
    const rules = [busy('a', 80), busy('b', 100_000), busy('c', 80)];
    const tell = (): string[] => checkRules(rules, {}, {} as RuleContext).map(({ message }) => message);
    expect(tell()).toEqual(['is seen', expect.stringContaining('set aside'), 'is seen']);
    expect(tell()).toEqual(['is seen', expect.stringContaining('set aside'), 'is seen']);
  });
});
