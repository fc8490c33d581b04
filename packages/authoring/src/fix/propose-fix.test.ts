import type { FixOptions, FixProposal, Rule } from '@setpoint/engine';
import { compileSchema } from '@setpoint/engine';
import { applyJsonPatch, validate } from '@setpoint/engine/internal';
import type { Fault, JsonObject, JsonValue, PatchOperation } from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { proposeFix } from './propose-fix.ts';

function propose(schema: JsonObject, document: JsonObject, rest: Partial<FixOptions> = {}): FixProposal | undefined {
  const own = compileSchema(schema);
  const isSecret = own.secrets.touches;
  const check = (one: JsonObject): Fault[] => validate(one, { own, contracts: [], isSecret });
  return proposeFix(document, check(document), own, { clamp: false, isSecret, check, ...rest });
}

const settings = (properties: JsonObject): JsonObject => ({ type: 'object', properties });

describe('a proposal', () => {
  it('mends several faults, and tells what it cannot mend', () => {
    const schema = settings({ a: { type: 'integer' }, b: { enum: ['x', 'y'] }, c: { type: 'integer' } });
    expect(propose(schema, { a: '5', b: 'Y', c: 'five' })).toEqual({
      patch: [
        { op: 'replace', path: '/a', value: 5 },
        { op: 'replace', path: '/b', value: 'y' },
      ],
      document: { a: 5, b: 'y', c: 'five' },
      remaining: [{ pointer: '/c', message: 'must be a whole number', expected: 'a whole number', received: '"five"' }],
    });
  });

  it('is none where nothing is wrong, or nothing helps', () => {
    const schema = settings({ a: { type: 'integer' } });
    expect(propose(schema, { a: 5 })).toBeUndefined();
    expect(propose(schema, { a: 'five', zzzzzz: 1 })).toBeUndefined();
  });

  it('is what was found in half a second', () => {
    const names = Array.from({ length: 100 }, (_, i) => `n${i}`);
    const schema = settings(Object.fromEntries(names.map((name) => [name, { type: 'integer' }])));
    let at = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      at += 100;
      return at;
    });
    const proposal = propose(schema, Object.fromEntries(names.map((name) => [name, '5'])));
    clock.mockRestore();
    expect(proposal?.patch.length).toBeGreaterThan(0);
    expect(proposal?.patch.length).toBeLessThan(10);
    expect(proposal?.remaining).toHaveLength(100 - (proposal?.patch.length ?? 0));
  });

  it('takes no value from where somebody put it, unless the request itself did', () => {
    const schema = settings({ threshold: { type: 'number' } });
    const document = { threshold: 0.6, treshold: 0.7 };
    expect(propose(schema, document)).toBeUndefined();
    expect(propose(schema, document, { present: { threshold: 0.6 } })?.document).toEqual({ threshold: 0.7 });
    expect(propose(schema, document, { present: { threshold: 0.5 } })).toBeUndefined();
    const withDefault = settings({ threshold: { type: 'number', default: 0.6 } });
    expect(propose(withDefault, document)?.document).toEqual({ threshold: 0.7 });
  });

  it('moves to one place only where a name has one', () => {
    const one = settings({ a: settings({ limit: {} }), b: settings({ other: {} }) });
    expect(propose(one, { b: { limit: 1 } })?.document).toEqual({ a: { limit: 1 }, b: {} });
    const two = settings({ a: settings({ limit: {} }), b: settings({ limit: {} }) });
    expect(propose(two, { limit: 1 })).toBeUndefined();
  });

  it.each<[string, JsonObject, JsonValue, JsonValue]>([
    ['an address', { type: 'string', format: 'uri' }, 'example.org/a ', 'http://example.org/a'],
    ['a name', { type: 'string', pattern: '^[a-z-]+$' }, 'Living Room', 'living-room'],
    ['a numbered section', { type: 'array' }, { 0: 'a', 1: 'b' }, ['a', 'b']],
    ['a list in JSON', { type: 'array', items: { type: 'integer' } }, '[1, 2]', [1, 2]],
    ['words', { type: 'array', items: { type: 'string' }, minItems: 2 }, 'a b', ['a', 'b']],
    ['one number', { type: 'array', items: { type: 'integer' } }, '5', [5]],
    ['one section', { type: 'array', items: settings({ a: {} }) }, { a: 1 }, [{ a: 1 }]],
    [
      'names and values',
      { type: 'object', additionalProperties: { type: 'number' } },
      [{ name: 'a', value: 1 }],
      { a: 1 },
    ],
    ['a text of several', { type: 'string' }, ['a', 'b'], 'a,b'],
    ['a switch as a number', { type: 'integer' }, true, 1],
    ['a number in a list', { type: 'array', items: { type: 'integer' } }, [1, '2'], [1, 2]],
    ['a unit that nothing asks for', { type: 'integer' }, '5s', 5],
    ['per cent of a hundred', { type: 'integer', maximum: 100 }, '80 %', 80],
  ])('knows %s', (_, schema, given, wanted) => {
    expect(propose(settings({ v: schema }), { v: given })?.document).toEqual({ v: wanted });
  });

  it.each<[JsonObject, number, number | undefined]>([
    [{ minimum: 5 }, 1, 5],
    [{ type: 'integer', exclusiveMinimum: 5 }, 5, 6],
    [{ type: 'integer', exclusiveMaximum: 5 }, 9, 4],
    [{ exclusiveMaximum: 5 }, 9, undefined],
    [{ type: 'integer' }, 4.6, 5],
    [{ multipleOf: 10 }, 14, 10],
    [{ minimum: 5, multipleOf: 10 }, 2, 10],
    [{ maximum: 25, multipleOf: 10 }, 29, 20],
    [{ multipleOf: 0.5 }, 0.7, 0.5],
  ])('pulls a number into %j when asked', (schema, given, wanted) => {
    const document = { v: given };
    expect(propose(settings({ v: schema }), document)).toBeUndefined();
    const proposal = propose(settings({ v: schema }), document, { clamp: true });
    expect(proposal?.document).toEqual(wanted === undefined ? undefined : { v: wanted });
  });

  it('converts nothing that measures something else', () => {
    expect(propose(settings({ v: { type: 'integer', 'x-unit': 'ms' } }), { v: '5 MB' })).toBeUndefined();
  });
});

describe('a proposal and secrets', () => {
  const schema = settings({
    password: { type: 'string', 'x-secret': true },
    keys: { type: 'array', 'x-secret': true },
  });

  it('reads none of them', () => {
    expect(propose(schema, { password: 12_345_678 })).toBeUndefined();
    expect(propose(schema, { keys: 'hunter22' })).toBeUndefined();
  });

  it('may move one to its place, without its value', () => {
    const proposal = propose(schema, { pasword: 'hunter22' });
    expect(proposal?.patch).toEqual([{ op: 'move', from: '/pasword', path: '/password' }]);
    expect(JSON.stringify([proposal?.patch, proposal?.remaining])).not.toContain('hunter22');
    expect(propose(schema, { pasword: 12_345_678 })).toBeUndefined();
  });

  it('moves none to where it is none, and reads none on the way', () => {
    const around = settings({
      auth: { ...settings({ token: {} }), 'x-secret': true },
      port: { type: 'integer' },
      name: { type: 'string' },
    });
    expect(propose(around, { auth: { port: '4433221' } })).toBeUndefined();
    expect(propose(around, { auth: { name: 'hunter22' } })).toBeUndefined();
  });

  it('shows no default of one', () => {
    const required = {
      ...settings({ pin: { type: 'string', default: 'hunter22', 'x-secret': true } }),
      required: ['pin'],
    };
    expect(propose(required, {})).toBeUndefined();
  });
});

describe('a rule that knows what would mend its finding', () => {
  const schema = settings({ a: { type: 'integer' }, secret: { 'x-secret': true } });
  const rule = (fix: NonNullable<Rule['fix']>): Rule => ({
    id: 'x/even',
    level: 'security',
    severity: 'error',
    check: () => [],
    fix,
  });
  const ask = (fix: NonNullable<Rule['fix']>, document: JsonObject = { a: 5 }, withheld: Fault[] = []) => {
    const check = ({ a }: JsonObject): Fault[] =>
      Number(a) % 2 === 0 ? [] : [{ pointer: '/a', message: 'is odd', rule: 'x/even' }];
    const isSecret = (pointer: string): boolean => pointer === '/secret';
    return proposeFix(document, check(document), compileSchema(schema), {
      clamp: false,
      isSecret,
      check,
      rules: [rule(fix)],
      confidential: [
        { document, isSecret },
        { document: { pin: 'squirrel' }, isSecret: () => true },
      ],
      onWithheld: (fault) => withheld.push(fault),
    })?.patch;
  };

  it('is heard', () => {
    expect(ask(() => [{ op: 'replace', path: '/a', value: 6 }])).toEqual([{ op: 'replace', path: '/a', value: 6 }]);
  });

  it.each<[string, NonNullable<Rule['fix']>]>([
    ['helps nothing', () => [{ op: 'replace', path: '/a', value: 7 }]],
    ['has nothing', () => []],
    ['says nothing', () => undefined],
    ['says what is no patch', () => 5 as never],
    ['does not fit', () => [{ op: 'remove', path: '/none' }]],
    [
      'would show a secret',
      () => [
        { op: 'add', path: '/secret', value: 'x' },
        { op: 'replace', path: '/a', value: 6 },
      ],
    ],
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    [
      'never ends',
      () => {
        for (;;);
      },
    ],
  ])('is passed over where it %s', (_, fix) => {
    expect(ask(fix)).toBeUndefined();
  });

  const mends: PatchOperation = { op: 'replace', path: '/a', value: 6 };
  it.each<[string, PatchOperation]>([
    ['as a value', { op: 'add', path: '/b', value: 'hunter22' }],
    ['as part of a text', { op: 'add', path: '/b', value: 'Bearer hunter22!' }],
    ['in part', { op: 'add', path: '/b', value: 'hunter' }],
    ['in a section', { op: 'add', path: '/b', value: { c: [{ d: 'hunter22' }] } }],
    ['as a name in a section', { op: 'add', path: '/b', value: { hunter22: 1 } }],
    ['in a path', { op: 'add', path: '/hunter22', value: 1 }],
    ['in a test', { op: 'test', path: '/b', value: 'hunter22' }],
    ['by moving it', { op: 'move', from: '/secret', path: '/b' }],
    ['of another service', { op: 'add', path: '/b', value: 'squirrel' }],
  ])('is left out where it repeats a secret %s, and that is told', (_, shows) => {
    const withheld: Fault[] = [];
    expect(ask(() => [mends, shows], { a: 5, secret: 'hunter22' }, withheld)).toBeUndefined();
    expect(withheld).toEqual([{ pointer: '/a', message: 'is odd', rule: 'x/even' }]);
  });

  it('is heard beside a secret that it leaves alone', () => {
    const withheld: Fault[] = [];
    const patch: PatchOperation[] = [
      mends,
      { op: 'add', path: '/b', value: 'hunting' },
      { op: 'remove', path: '/secret' },
    ];
    expect(ask(() => patch, { a: 5, secret: 'hunter22' }, withheld)).toEqual(patch);
    expect(withheld).toEqual([]);
  });
});

describe('any document', () => {
  const schema = settings({
    name: { type: 'string', pattern: '^[a-z]+$' },
    on: { type: 'boolean', default: false },
    level: { type: 'number', minimum: 0, maximum: 1 },
    mode: { enum: ['fast', 'slow'] },
    hosts: { type: 'array', items: { type: 'string' }, uniqueItems: true },
    retry: {
      ...settings({ timeoutMs: { type: 'integer' }, times: { type: 'integer', maximum: 5 } }),
      required: ['times'],
    },
  });
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom('5s', ' on', 'FAST', '0,5', '80%', 'a,b', ['a', 'a'], 7),
  );
  const keys = ['name', 'on', 'level', 'mode', 'hosts', 'nmae', 'Hosts', 'times', 'other'];
  const document = fc.record(
    {
      ...Object.fromEntries(keys.map((key) => [key, value])),
      retry: fc.oneof(value, fc.dictionary(fc.constantFrom('timeoutMs', 'times', 'tmies'), value)),
    },
    { requiredKeys: [] },
  );
  const own = compileSchema(schema);
  const check = (one: JsonObject): Fault[] => validate(one, { own, contracts: [], isSecret: () => false });

  it('Validation-04-Fix-Never-Invalid: gets only what makes it better: the patch leads to the document, and that has just the faults that are told', () => {
    fc.assert(
      fc.property(document, fc.boolean(), (given, clamp) => {
        const faults = check(given as JsonObject);
        const proposal = proposeFix(given as JsonObject, faults, own, { clamp, isSecret: () => false, check });
        if (!proposal) return;
        const patched = applyJsonPatch(given as JsonObject, proposal.patch, { maxCopyBytes: 0 });
        expect(patched).toEqual({ document: proposal.document, faults: [] });
        expect(check(proposal.document)).toEqual(proposal.remaining);
        expect(proposal.remaining.length).toBeLessThan(faults.length);
        const known = faults.map(({ pointer }) => pointer);
        expect(proposal.remaining.every(({ pointer }) => known.includes(pointer))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
