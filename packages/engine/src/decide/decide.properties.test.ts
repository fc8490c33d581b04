import {
  isEqualJson,
  isOverlapping,
  type JsonObject,
  type JsonValue,
  type Pointer,
  readPointer,
} from '@setpoint/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../engine.ts';
import { resolve } from '../layer/resolve.ts';
import { parseYamlFile } from '../layer/yaml-file.ts';
import { type CompiledSchema, compileSchema } from '../schema/schema.ts';
import { baseLayers, emptyState, isDeleted, type ServiceState, versionOf } from '../service-state.ts';
import { createMemoryStore } from '../store/memory.ts';
import type { VersionRecord } from '../store/store.ts';
import type { Decision, WriteRequest } from './change.ts';
import { decide } from './decide.ts';

const options = { epoch: 1_790_000_000, now: 1_790_000_000_000, maxDocumentBytes: 1_000_000 };

/** Few names, so that changes meet, and odd ones. */
const name = fc.constantFrom('a', 'b', 'c', '', '~', '/', 'constructor', 'toString', 'length', '0', '1', 'a/b');
const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.boolean(),
  fc.constantFrom('', 'x', 'y'),
  fc.constant(null),
);
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const document = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }) as fc.Arbitrary<JsonObject>;
const withoutNull = document.map((patch) => dropNulls(patch) as JsonObject);

function dropNulls(json: JsonValue): JsonValue {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json;
  const members = Object.entries(json).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([key, member]) => [key, dropNulls(member as JsonValue)]));
}

const open = { additionalProperties: true };

/** They refuse little, and differ in what they fill. */
const schemas: readonly (CompiledSchema | undefined)[] = [
  undefined,
  ...[
    { ...open, properties: { a: { default: 7 }, b: { ...open, default: { a: 1, c: { b: 2 } } } } },
    {
      ...open,
      properties: {
        a: { ...open, properties: { b: { ...open, properties: { c: { default: 'x' } } }, toString: { default: [1] } } },
        b: {
          ...open,
          default: {},
          properties: { a: { ...open, default: { b: 1, a: { c: 1 } }, properties: { c: { default: 2 } } } },
        },
      },
    },
    {
      ...open,
      required: ['c'],
      properties: {
        b: { default: null },
        c: {
          ...open,
          type: 'object',
          required: ['a'],
          properties: { a: { ...open, type: 'object', properties: { b: { default: 1 } } }, b: { default: { a: {} } } },
        },
      },
    },
    { ...open, properties: { a: { items: { ...open, properties: { b: { default: 1 } } } } } },
  ].map((schema) => compileSchema(schema)),
];

type Step =
  | { readonly kind: 'file'; readonly document: JsonObject | undefined }
  | { readonly kind: 'request'; readonly request: WriteRequest };

const write = <T extends object>(rest: T): WriteRequest =>
  ({ service: 'api', author: 'ann', ...rest }) as unknown as WriteRequest;

const pointer = fc.array(name, { maxLength: 3 }).map(format);

function format(tokens: readonly string[]): Pointer {
  return tokens.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const operation = fc.oneof(
  fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path: pointer, value }),
  fc.record({ op: fc.constant('remove'), path: pointer }),
  fc.record({ op: fc.constantFrom('move', 'copy'), from: pointer, path: pointer }),
);

const request: fc.Arbitrary<WriteRequest> = fc.oneof(
  { weight: 4, arbitrary: document.map((patch) => write({ op: 'merge', patch })) },
  { weight: 1, arbitrary: document.map((patch) => write({ op: 'validate', patch })) },
  { weight: 2, arbitrary: document.map((values) => write({ op: 'replace', values })) },
  { weight: 3, arbitrary: fc.array(operation, { maxLength: 3 }).map((patch) => write({ op: 'patch', patch })) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 8 }).map((toVersion) => write({ op: 'rollback', toVersion })) },
  { weight: 1, arbitrary: fc.constant(write({ op: 'delete' })) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.option(document, { nil: undefined }).map((file) => ({ kind: 'file' as const, document: file })),
  },
  { weight: 3, arbitrary: request.map((made) => ({ kind: 'request' as const, request: made })) },
);

const run = fc.record({ schema: fc.constantFrom(...schemas), steps: fc.array(step, { minLength: 1, maxLength: 8 }) });

const layerOf = (content: JsonObject) => {
  const parsed = parseYamlFile(JSON.stringify(content), 'api.yaml');
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
  return parsed.layer;
};

const layersOf = (content: JsonObject | undefined) => (content ? [layerOf(content)] : []);

interface Moment extends Decision {
  readonly before: ServiceState;
  readonly step: Step;
  readonly versions: readonly VersionRecord[];
}

/** Every decision of a run, one after another. */
function* play(schema: CompiledSchema | undefined, steps: readonly Step[]): Generator<Moment> {
  let state: ServiceState = { ...emptyState('api'), schema };
  const versions: VersionRecord[] = [];
  for (const taken of steps) {
    const before = state;
    const decision = take(before, taken, schema, versions);
    state = decision.state;
    if (decision.record) versions.push(decision.record);
    yield { ...decision, before, step: taken, versions: [...versions] };
  }
}

function take(
  state: ServiceState,
  taken: Step,
  schema: CompiledSchema | undefined,
  versions: readonly VersionRecord[],
): Decision {
  if (taken.kind === 'file') {
    return decide(state, { kind: 'sources', layers: layersOf(taken.document), schema }, options);
  }
  const { request: made } = taken;
  const version =
    made.op === 'rollback' ? versions.find(({ snapshot }) => snapshot.version === made.toVersion) : undefined;
  const change = { kind: 'request', request: made, requestId: 'r', identity: { requester: 'ann' } } as const;
  return decide(state, change, { ...options, version });
}

const fill = (schema: CompiledSchema | undefined, content: JsonObject): JsonObject =>
  schema ? schema.fillDefaults(content) : content;

const valuesOf = (state: ServiceState): JsonObject => (isDeleted(state) ? {} : (state.latest?.snapshot.values ?? {}));

/** What operators see and change. */
const effective = (state: ServiceState): JsonObject => resolve({ ...state, layers: baseLayers(state) }).values;

const check = (holds: (moment: Moment, schema: CompiledSchema | undefined) => void, numRuns = 500): void =>
  fc.assert(
    fc.property(run, ({ schema, steps }) => {
      for (const moment of play(schema, steps)) holds(moment, schema);
    }),
    { numRuns },
  );

describe('any run of requests and file edits', () => {
  it('keeps the document equal to what the layers resolve to', () => {
    check(({ state }) => {
      if (!isDeleted(state)) expect(effective(state)).toEqual(valuesOf(state));
    });
  });

  it('raises the version by exactly one for each change, and chains it to the one before', () => {
    check(({ before, state, record, result }) => {
      expect(result.status === 'applied').toBe(record !== undefined && result.problem === undefined);
      expect(versionOf(state)).toBe(versionOf(before) + (record ? 1 : 0));
      if (!record) return;
      const { latest } = before;
      expect(record.snapshot.version).toBe(versionOf(before) + 1);
      expect(record.snapshot.previous).toEqual(
        latest ? { version: latest.snapshot.version, digest: latest.snapshot.digest } : null,
      );
    });
  });

  it('makes a version only where something changed', () => {
    check(({ before, record }) => {
      if (!record || isDeleted(before)) return;
      expect(record.deleted || !isEqualJson(valuesOf(before), record.snapshot.values)).toBe(true);
    });
  });

  it('never puts one runtime setting inside another', () => {
    check(({ state: { overrides } }) => {
      const places = overrides.map(({ pointer: place }) => place);
      const overlaps = places.filter((a, i) => places.some((b, j) => i !== j && isOverlapping(a, b)));
      expect(overlaps).toEqual([]);
    });
  });

  it('names only places that differ, and all of them', () => {
    check(({ before, result, record, state }) => {
      if (!record || record.deleted || isDeleted(before)) return;
      const [from, to] = [valuesOf(before), valuesOf(state)];
      for (const place of result.changed) {
        expect(isEqualJson(readPointer(from, place), readPointer(to, place))).toBe(false);
      }
      expect(result.changed.length).toBeGreaterThan(0);
    });
  });

  it('makes exactly the document that is given to replace, with the defaults', () => {
    check(({ result, step: taken, state }, schema) => {
      if (taken.kind !== 'request' || taken.request.op !== 'replace' || result.problem) return;
      expect(valuesOf(state)).toEqual(fill(schema, taken.request.values));
    });
  });

  it('goes back to exactly the content of an old version', () => {
    check(({ result, step: taken, state, versions }) => {
      if (taken.kind !== 'request' || taken.request.op !== 'rollback' || result.problem) return;
      const { toVersion } = taken.request;
      const old = versions.find(({ snapshot }) => snapshot.version === toVersion);
      expect(valuesOf(state)).toEqual(old?.snapshot.values);
    });
  });

  it('does not lose what operators set when the file is edited', () => {
    check(({ before, step: taken, state, result }) => {
      if (taken.kind !== 'file' || !taken.document || result.problem) return;
      expect(state.overrides).toEqual(before.overrides);
      for (const { pointer: place, value: set } of before.overrides) {
        // Defaults are filled within it, too.
        if (set !== undefined) expect({ set: readPointer(valuesOf(state), place) }).toMatchObject({ set });
      }
    });
  });

  it('merges as RFC 7396 says where nothing is null', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...schemas),
        fc.array(step, { maxLength: 4 }),
        withoutNull,
        (schema, steps, patch) => {
          const state = [...play(schema, steps)].at(-1)?.state ?? { ...emptyState('api'), schema };
          const merge = write({ op: 'merge', patch });
          const { state: after, result } = take(state, { kind: 'request', request: merge }, schema, []);
          if (result.problem) return;
          expect(valuesOf(after)).toEqual(fill(schema, rfc7396(effective(state), patch) as JsonObject));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('uncovers the layer beneath where a merge says null', () => {
    fc.assert(
      fc.property(fc.constantFrom(...schemas), fc.array(step, { maxLength: 5 }), fc.nat(), (schema, steps, pick) => {
        const state = [...play(schema, steps)].at(-1)?.state;
        const set = state?.overrides[pick % (state.overrides.length || 1)];
        if (!state?.layers.length || !set || isDeleted(state)) return;
        const others = state.overrides.filter((other) => other !== set);
        const without = resolve({ schema, layers: baseLayers(state), overrides: others }).values;
        const merge = write({ op: 'merge', patch: patchOf(set.pointer, null) });
        const { state: after, result } = take(state, { kind: 'request', request: merge }, schema, []);
        if (result.problem) return;
        expect(valuesOf(after)).toEqual(without);
        if (result.status === 'applied') expect(after.overrides).toEqual(others);
      }),
      { numRuns: 1000 },
    );
  });

  it('is back at the layers beneath once every runtime setting is given back', () => {
    check(({ state }, schema) => {
      // Without a file, its last document stands in for it, and what was only held open by a setting can't be told.
      if (isDeleted(state) || state.layers.length === 0) return;
      let given = state;
      for (const { pointer: place } of state.overrides) {
        const request = write({ op: 'merge', patch: patchOf(place, null) });
        const { state: next, result } = take(given, { kind: 'request', request }, schema, []);
        // A value that the layers beneath give too stays as it is: nothing changes.
        if (result.status !== 'applied') return;
        given = next;
      }
      const beneath = resolve({ schema, layers: baseLayers(state), overrides: [] }).values;
      expect(effective(given)).toEqual(beneath);
    });
  });
});

describe('any request, however odd', () => {
  const anyJson = fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }) as fc.Arbitrary<JsonValue>;
  const anyObject = fc.dictionary(fc.string({ unit: 'binary' }), anyJson, { noNullPrototype: true });
  const anyPointer = fc.array(fc.oneof(name, fc.string({ unit: 'binary' })), { maxLength: 4 }).map(format);
  const anyOperation = fc.oneof(
    fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path: anyPointer, value: fc.oneof(value, anyJson) }),
    fc.record({ op: fc.constant('remove'), path: anyPointer }),
    fc.record({ op: fc.constantFrom('move', 'copy'), from: anyPointer, path: anyPointer }),
  );
  const anyRequest = fc.oneof(
    request,
    fc.oneof(document, anyObject).map((patch) => write({ op: 'merge', patch })),
    fc.oneof(document, anyObject).map((values) => write({ op: 'replace', values })),
    fc.array(anyOperation, { maxLength: 6 }).map((patch) => write({ op: 'patch', patch })),
  );

  it('is answered', () => {
    const strict = compileSchema({
      properties: {
        a: { type: 'object', required: ['b'], properties: { b: { type: 'integer', minimum: 0 } } },
        constructor: {
          anyOf: [{ type: 'string' }, { type: 'array', items: { properties: { length: { const: 1 } } } }],
        },
        '0': { patternProperties: { '^a': { enum: ['x', null] } }, additionalProperties: false },
      },
    });
    const before = Object.getOwnPropertyNames(Object.prototype);
    fc.assert(
      fc.property(
        fc.constantFrom(...schemas, strict),
        document,
        fc.array(anyRequest, { minLength: 1, maxLength: 4 }),
        (schema, file, requests) => {
          const steps = [{ kind: 'file' as const, document: file }];
          const asked = requests.map((made) => ({ kind: 'request' as const, request: made }));
          for (const { result } of play(schema, [...steps, ...asked])) expect(result.service).toBe('api');
        },
      ),
      { numRuns: 2000 },
    );
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  });
});

describe('a secret', () => {
  /** Each value is told from every other text, so that a leak is found wherever it is. */
  const token = fc.uuid().map((id) => `secret-${id}`);
  const hidden = { type: 'string', maxLength: 60, 'x-secret': true };
  const schema = compileSchema({
    properties: {
      key: hidden,
      db: { properties: { password: hidden, port: { type: 'integer' } } },
      keys: { additionalProperties: hidden },
      users: { items: { properties: { name: { type: 'string' }, pin: hidden } } },
      either: { anyOf: [{ type: 'number' }, { type: 'object', properties: { key: hidden } }] },
      sealed: { 'x-secret': true },
      plain: { type: 'string', maxLength: 3 },
    },
  });
  const text = fc.oneof(token, fc.constant('ok'));
  const wrong = fc.oneof(token, fc.array(token), fc.record({ key: token }), fc.record({ other: token }));
  const place = fc.record(
    {
      key: fc.oneof(text, wrong),
      db: fc.oneof(fc.record({ password: fc.oneof(text, wrong) }), fc.record({ pasword: token }), wrong),
      keys: fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(text, wrong), { noNullPrototype: true }),
      users: fc.oneof(fc.array(fc.record({ pin: fc.oneof(text, wrong) })), token),
      either: fc.oneof(fc.record({ key: fc.oneof(text, wrong) }), token),
      sealed: wrong,
      kee: token,
      plain: fc.constant('much too long'),
    },
    { requiredKeys: [], noNullPrototype: true },
  ) as fc.Arbitrary<JsonObject>;
  const good = fc.record({ key: token, db: fc.record({ password: token }), keys: fc.record({ a: token }) });
  const asked = fc.oneof(
    fc.oneof(good, place).map((patch) => ({ op: 'merge', patch })),
    fc.oneof(good, place).map((values) => ({ op: 'replace', values })),
    place.map((patch) => ({ op: 'validate', patch })),
    token.map((tested) => ({ op: 'patch', patch: [{ op: 'test', path: '/key', value: tested }] })),
    fc.constant({ op: 'patch', patch: [{ op: 'move', from: '/db', path: '/either' }] }),
    fc.constant({ op: 'rollback', toVersion: 1 }),
  );

  it('Secret-01-Nowhere: is in no answer, problem, log, difference, explanation, search or notice', async () => {
    const counts = { applied: 0, rejected: 0, notices: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.option(fc.oneof(good, place), { nil: undefined }),
        fc.array(fc.tuple(asked, fc.constantFrom('ann', 'bob')), { minLength: 1, maxLength: 6 }),
        async (file, requests) => {
          const now = (): number => options.now;
          const engine = await createEngine({ store: createMemoryStore({ now }), now });
          const told: unknown[] = [];
          engine.onConflict((notice) => {
            counts.notices += 1;
            told.push(notice);
          });
          told.push(await engine.loadSources('api', { layers: layersOf(file as JsonObject | undefined), schema }));
          told.push([...engine.problems()]);
          for (const [i, [made, author]] of requests.entries()) {
            const full = { service: 'api', author, ...made } as unknown as WriteRequest;
            const result = await engine.request(full, `r-${i}`, { requester: author });
            if (result.status === 'applied' || result.status === 'rejected') counts[result.status] += 1;
            told.push(result, await engine.request(full, `r-${i}`, { requester: author }));
          }
          const version = engine.current('api')?.snapshot.version ?? 0;
          const ask = (operation: object, to = 'api'): Promise<unknown> =>
            engine.request({ service: to, author: 'ann', ...operation } as never, 'l', { requester: 'ann' });
          const earlier = Math.max(1, version - 1);
          const sides = [1, version, 'present', { layer: 'yaml_file' }, { layer: 'runtime_update' }, { values: {} }];
          for (const from of sides) told.push(await ask({ op: 'diff', from, to: earlier }));
          for (const op of ['log', 'blame', 'tags', 'drafts', 'show', 'explain']) told.push(await ask({ op }));
          for (const op of ['show', 'explain']) told.push(await ask({ op, version: earlier }));
          for (const text of ['secret', 'key', 'db']) told.push(await ask({ op: 'search', text }, 'config-authority'));
          told.push(await ask({ op: 'history' }, 'config-authority'));
          expect(JSON.stringify(told)).not.toContain('secret-');
        },
      ),
      { numRuns: 300 },
    );
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(10);
  });
});

function patchOf(place: Pointer, member: JsonValue): JsonObject {
  const tokens = place.slice(1).split('/');
  const names = tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.reduceRight<JsonValue>((inside, key) => ({ [key]: inside }), member) as JsonObject;
}

/** The algorithm as the RFC writes it. */
function rfc7396(target: JsonValue, patch: JsonValue): JsonValue {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result = new Map<string, JsonValue>(Object.entries(isObject ? (target as JsonObject) : {}));
  for (const [key, member] of Object.entries(patch)) {
    if (member === null) result.delete(key);
    else result.set(key, rfc7396(result.get(key) ?? null, member as JsonValue));
  }
  return Object.fromEntries(result);
}
