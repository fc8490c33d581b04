import { describe, expect, it } from 'vitest';
import { defaultPolicies, parsePolicies } from './policy.ts';

const policies = (text: string) => {
  const parsed = parsePolicies(text, '_policy.yaml');
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  return parsed.policies;
};

describe('policies', () => {
  it('are for a service by name, and the defaults for all others', () => {
    const { of, retention } = policies(`
defaults: { environment: production, disabledRules: [{ rule: best_practice/a, reason: everywhere }] }
services:
  stt-worker:
    strict: true
    restartRequired: accept
    disabledRules: [{ rule: security/b, reason: it is a test token }]
    dependsOn: [mqtt, "llm-worker#/model"]
retention: { versions: 20 }
`);
    expect(of('stt-worker')).toEqual({
      strict: true,
      restartRequired: 'accept',
      environment: 'production',
      disabledRules: [
        { rule: 'best_practice/a', reason: 'everywhere' },
        { rule: 'security/b', reason: 'it is a test token' },
      ],
      dependsOn: ['mqtt', 'llm-worker#/model'],
    });
    expect(of('tts-worker')).toEqual({
      strict: false,
      restartRequired: 'reject',
      environment: 'production',
      disabledRules: [{ rule: 'best_practice/a', reason: 'everywhere' }],
      dependsOn: [],
    });
    expect(retention).toEqual({ versions: 20, days: 90 });
  });

  it('without a file let warnings pass and refuse what needs a restart', () => {
    const usual = { strict: false, restartRequired: 'reject', disabledRules: [], dependsOn: [] };
    expect(defaultPolicies.of('any')).toEqual(usual);
    expect(policies('').of('any')).toEqual(usual);
    expect(defaultPolicies.retention).toEqual({ versions: 1000, days: 90 });
  });

  it('tell all that is wrong at once, with the line', () => {
    const text = `
defaults: { strict: "yes" }
services:
  stt-worker:
    restartRequred: accept
    disabledRules: [{ rule: security/b }]
retention: { days: 0 }
`;
    const parsed = parsePolicies(text, '_policy.yaml');
    const faults = parsed.kind === 'faults' ? parsed.faults : [];
    expect(faults.map(({ file, line, pointer, message }) => `${file}:${line} ${pointer} ${message}`).sort()).toEqual([
      '_policy.yaml:2 /defaults/strict must be true or false',
      '_policy.yaml:5 /services/stt-worker/restartRequred is not a known setting; did you mean "restartRequired"?',
      '_policy.yaml:6 /services/stt-worker/disabledRules/0/reason is required',
      '_policy.yaml:7 /retention/days must be >= 1',
    ]);
    expect(parsePolicies('a: [', '_policy.yaml').kind).toBe('faults');
  });
});
