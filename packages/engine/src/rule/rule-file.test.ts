import type { Fault, JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { checkRules } from './check-rules.ts';
import { noOtherServices, type Rule, type RuleContext } from './rule.ts';
import { parseRuleFile } from './rule-file.ts';

const context: RuleContext = {
  service: 'vad',
  schema: undefined,
  environment: undefined,
  isSecret: () => false,
  isGiven: () => true,
  otherServices: {
    ...noOtherServices,
    services: () => ['mqtt', 'tts', 'gone'],
    documentOf: (name) => ({ mqtt: { port: 1883 }, tts: { rate: 16_000 } })[name],
  },
};

async function rulesOf(text: string): Promise<readonly Rule[]> {
  const parsed = await parseRuleFile(text, 'rules.yaml');
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  return parsed.rules;
}

const rule = (expression: string, rest = ''): string => `
rules:
  - id: custom/x
    level: performance
    severity: warning
    message: is too much
    expression: ${JSON.stringify(expression)}
    ${rest}
`;

const check = async (expression: string, document: JsonObject, rest = ''): Promise<Fault[]> =>
  checkRules(await rulesOf(rule(expression, rest)), document, context);

const found = [{ pointer: '', message: 'is too much', severity: 'warning', level: 'performance', rule: 'custom/x' }];

describe('an expression', () => {
  it.each<[string, JsonObject]>([
    ['config.a < 5', { a: 4 }],
    ['config.a + 1 == 4 && 1 + config.a == 4', { a: 3 }],
    ['config.a * 2 - 1 == 5 && 10 / config.a > 3 && 7 - config.a == 4', { a: 3 }],
    ['config.limits.all(k, config.limits[k] <= config.most)', { limits: { a: 1, b: 2 }, most: 2 }],
    ['config.hosts.exists(h, h.name.startsWith("a"))', { hosts: [{ name: 'b' }, { name: 'a' }] }],
    ['has(config.none) || config.on', { on: true }],
    ['config.nothing == null && size(config.list) == 2 && "a" in config.list', { nothing: null, list: ['a', 'b'] }],
    ['service == "vad"', {}],
    ['services.mqtt.port != services.tts.rate && !("gone" in services)', {}],
    ['config.name.matches("^[a-z]+$") && config.name.indexOf("b") == 1', { name: 'abc' }],
  ])('%s is true', async (expression, document) => {
    expect(await check(expression, document)).toEqual([]);
  });

  it('that is false is told as the rule says', async () => {
    expect(await check('config.a < 5', { a: 6 })).toEqual(found);
    expect(await check('config.a < 5', { a: 6 }, 'pointer: /a')).toEqual([{ ...found[0], pointer: '/a' }]);
  });

  it('is asked where its condition holds', async () => {
    const when = 'when: "has(config.b)"';
    expect(await check('config.a < 5', { a: 6 }, when)).toEqual([]);
    expect(await check('config.a < 5', { a: 6, b: 1 }, when)).toEqual(found);
  });

  it('waits for the services that it reads', async () => {
    expect(await check('services.gone.port == 1', {})).toEqual([]);
    expect(await check('services["gone"].port == 1', {})).toEqual([]);
    expect(await check('has(services.gone) || services[service + "x"].a == 1', {})).toMatchObject([
      { message: expect.stringContaining('could not be checked') },
    ]);
    expect(await check('has(services.gone)', {})).toEqual(found);
    expect(await check('true', {}, 'when: services.gone.on')).toEqual([]);
  });

  it('that cannot be answered is told, and refuses nothing', async () => {
    const unchecked = (why: string) => [
      {
        pointer: '',
        message: `the rule custom/x could not be checked: it failed: ${why}`,
        severity: 'warning',
        level: 'performance',
        rule: 'custom/x',
      },
    ];
    expect(await check('config.a < 5', {})).toEqual(unchecked('expression: field not found: a'));
    expect(await check('config.a', { a: 5 })).toEqual(unchecked('expression: it must come out as true or false'));
  });

  it('that takes too long is ended, and the next one is asked', async () => {
    const document = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`e${i}`, i]));
    const slow = await rulesOf(
      rule('config.all(k, config.all(j, config.all(i, config[k] + config[j] + config[i] >= 0.0)))'),
    );
    const quick = await rulesOf(rule('service == "tts"'));
    const told = checkRules([...slow, ...quick], document, context);
    expect(told.map(({ message }) => message)).toEqual([
      'the rule custom/x could not be checked: it took longer than 250 ms and is set aside until the rules are read again',
      'is too much',
    ]);
    // It would hold of this document, so it is not asked.
    expect(checkRules(slow, {}, context)).toHaveLength(1);
  });
});

describe('a file of rules', () => {
  it('keeps what a rule says of itself', async () => {
    expect(await rulesOf(rule('true', 'services: [vad, tts-*]'))).toMatchObject([
      { id: 'custom/x', level: 'performance', severity: 'warning', services: ['vad', 'tts-*'] },
    ]);
  });

  it.each<[string, string, string]>([
    ['rules: [', '1 ', 'is not valid YAML'],
    ['rule: []', '1 /rule', 'is not a known setting; did you mean "rules"?'],
    [rule('true').replace('performance', 'speed'), '4 /rules/0/level', 'must be one of'],
    [rule('1 +'), '7 /rules/0/expression', '1:3: found + but expecting end of input'],
    [rule('config.a > 1', 'when: "nosuch(1)"'), '8 /rules/0/when', 'there is no function nosuch'],
    [rule('confg.a > 1'), '7 /rules/0/expression', 'there is no variable confg; there are config, services, service'],
  ])('is refused whole with the line: %#', async (text, place, message) => {
    const parsed = await parseRuleFile(text, 'rules.yaml');
    const [fault] = parsed.kind === 'faults' ? parsed.faults : [];
    expect(`${fault?.line} ${fault?.pointer}`).toBe(place);
    expect(fault?.message).toContain(message);
    expect(fault?.file).toBe('rules.yaml');
  });
});

describe('a rule of a module', () => {
  const make = (check: unknown): Rule => ({
    id: 'm/x',
    level: 'security',
    severity: 'error',
    check: check as Rule['check'],
  });
  const messages = (...rules: Rule[]): string[] => checkRules(rules, {}, context).map(({ message }) => message);

  it('that throws, or hands out what is no finding, is told as a warning', () => {
    const throwing = make(() => {
      throw new TypeError('a is not there');
    });
    const told = checkRules([throwing], {}, context);
    expect(told).toMatchObject([
      { severity: 'warning', rule: 'm/x', message: expect.stringContaining('a is not there') },
    ]);
    const odd = make(() => {
      throw 'text';
    });
    expect(
      messages(
        odd,
        make(() => 5),
        make(async () => []),
        make(() => [null]),
      ),
    ).toEqual([
      'the rule m/x could not be checked: it failed: text',
      expect.stringContaining('could not be checked'),
      expect.stringContaining('could not be checked'),
      expect.stringContaining('could not be checked'),
    ]);
  });

  it('hands out what a finding has, and not more than a hundred of them', () => {
    const findings = [
      { pointer: 'a', message: 5, expected: 'x', suggestion: 'y', other: 1 },
      { pointer: '/a', message: 'm', expected: 5 },
    ];
    expect(checkRules([make(() => findings)], {}, context)).toEqual([
      { pointer: '', message: '5', expected: 'x', suggestion: 'y', severity: 'error', level: 'security', rule: 'm/x' },
      { pointer: '/a', message: 'm', severity: 'error', level: 'security', rule: 'm/x' },
    ]);
    function* endless() {
      for (;;) yield { message: 'again' };
    }
    expect(messages(make(endless))).toHaveLength(100);
  });

  it('that never ends is ended', () => {
    const never = make(() => {
      for (;;);
    });
    expect(messages(never)).toEqual([expect.stringContaining('took longer than 250 ms')]);
  });
});
