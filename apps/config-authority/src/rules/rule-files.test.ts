import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RuleSet } from '@setpoint/engine';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { openRuleFiles } from './rule-files.ts';

const yaml = (id: string, expression = 'config.a < 5'): string => `
rules:
  - { id: ${id}, level: performance, severity: warning, message: m, expression: ${JSON.stringify(expression)} }
`;

const module = (id: string, rest = ''): string => `
interface Finding { readonly message: string }
export default { id: '${id}', level: 'security', severity: 'error', check: (): Finding[] => [{ message: 'm' }] ${rest} };
`;

/** The rules of a folder; `next` waits for the rules after a change. */
async function open(files: Readonly<Record<string, string>>, isThere = true) {
  const parent = await mkdtemp(join(tmpdir(), 'setpoint-rules-'));
  const directory = join(parent, '_rules');
  const write = (name: string, text: string): Promise<void> => writeFile(join(directory, name), text);
  if (isThere) await mkdir(directory);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  let present: RuleSet | undefined;
  let settle = (): void => undefined;
  const onRules = (rules: RuleSet): void => {
    present = rules;
    settle();
  };
  const opened = await openRuleFiles({ directory, onRules, logger: pino({ level: 'silent' }) });
  return {
    directory,
    write,
    ids: () => present?.rules.map(({ id }) => id),
    problems: () => opened.problems().map(({ file, line, message }) => `${file?.split('/').at(-1)}:${line} ${message}`),
    next: () =>
      new Promise<void>((done) => {
        settle = done;
      }),
    async [Symbol.asyncDispose]() {
      await opened.stop();
      await rm(parent, { recursive: true });
    },
  };
}

describe('a folder of rules', () => {
  it('gives the rules of its modules and of its YAML files', async () => {
    await using rules = await open({
      'a.yaml': yaml('x/a'),
      'b.ts': module('x/b'),
      'c.mjs':
        "export default [{ id: 'x/c', level: 'schema', severity: 'info', services: ['v*'], check: () => [], fix: () => [] }];",
      '.d.yaml': 'no',
      'e.test.ts': 'no',
      'f.md': 'no',
    });
    expect(rules.ids()).toEqual(['x/a', 'x/b', 'x/c']);
    expect(rules.problems()).toEqual([]);
  });

  it('skips a file with a fault, and says where the fault is', async () => {
    await using rules = await open({
      'a.yaml': yaml('x/a', 'config.a <'),
      'b.ts': "\nthrow new Error('broken');",
      'c.ts': 'export default [{ id: "" }];',
      'd.yaml': yaml('x/d'),
      'e.yaml': yaml('x/d'),
      'f.js': 'export const rule = 1;',
    });
    expect(rules.ids()).toEqual(['x/d']);
    expect(rules.problems()).toEqual([
      'a.yaml:3 1:10: found < but expecting end of input',
      "b.ts:2 the module can't be loaded: broken",
      'c.ts:1 rule 1 of its default export: "id" must be a text',
      expect.stringMatching(/^e\.yaml:1 the rule x\/d is in .*d\.yaml already$/),
      'f.js:1 rule 1 of its default export: it is no object with id, level, severity and check',
    ]);
  });

  it.each([
    [
      ", level: 'speed'",
      '"level" must be one of schema, cross_reference, environment, performance, security, best_practice',
    ],
    [", severity: 'high'", '"severity" must be one of info, warning, error, critical'],
    [', check: 1', '"check" must be a function'],
    [', fix: 1', '"fix" must be a function'],
    [", services: 'vad'", '"services" must be a list of names'],
  ])('refuses a rule with %s', async (rest, message) => {
    await using rules = await open({ 'a.ts': module('x/a', rest) });
    expect(rules.problems()).toEqual([`a.ts:1 rule 1 of its default export: ${message}`]);
  });

  it('is reloaded when a file changes, modules included', async () => {
    await using rules = await open({ 'a.ts': module('x/a') });
    const changed = rules.next();
    await rules.write('a.ts', module('x/edited'));
    await changed;
    expect(rules.ids()).toEqual(['x/edited']);
    const broken = rules.next();
    await rules.write('b.yaml', 'rules: [');
    await broken;
    expect(rules.problems()).toHaveLength(1);
    const gone = rules.next();
    await rm(join(rules.directory, 'b.yaml'));
    await gone;
    expect(rules.problems()).toEqual([]);
  });

  it('is optional, and may appear later', async () => {
    await using rules = await open({}, false);
    expect(rules.ids()).toEqual([]);
    const come = rules.next();
    await mkdir(rules.directory);
    await rules.write('a.yaml', yaml('x/a'));
    await come;
    expect(rules.ids()).toEqual(['x/a']);
  });
});
