import { compileSchema, createEngine, parseYamlFile } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import type { JsonObject, JsonValue, Result } from '@setpoint/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { authoring } from '../authoring.ts';

const schema = compileSchema({
  type: 'object',
  additionalProperties: true,
  properties: {
    level: { type: 'string', default: 'info' },
    api: {
      type: 'object',
      default: {},
      properties: {
        key: { 'x-secret': true, default: 'default-s3cr3t' },
        url: { type: 'string', default: 'http://h' },
      },
    },
    users: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string' }, token: { 'x-secret': true } } },
    },
  },
});

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('', 'true', '#', ': ', '"\n', '$$'));
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(text, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const rest = fc.dictionary(fc.constantFrom('a', 'b', 'c', ' d', '/'), value, { maxKeys: 4, noNullPrototype: true });
const secret = text.map((end) => `s3cr3t-${end}`);
const file = fc.record(
  {
    rest,
    level: text,
    api: fc.record({ key: secret, url: text }, { requiredKeys: [] }),
    users: fc.array(fc.record({ name: text, token: secret }), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

it('Transfer-01-Round-Trip: an export of any document, imported after other changes, brings the identical document back', async () => {
  await fc.assert(
    fc.asyncProperty(file, rest, rest, fc.constantFrom('yaml', 'json'), async (document, before, after, format) => {
      fc.pre(!JSON.stringify([document, before, after]).includes('__proto__'));
      const engine = await createEngine({ store: createMemoryStore(), authoring });
      let ids = 0;
      const ask = (request: object): Promise<Result> =>
        engine.request({ service: 'api', author: 'ann', ...request } as never, `r-${++ids}`, { requester: 'ann' });
      const valuesNow = (): JsonObject | undefined => engine.current('api')?.snapshot.values;
      const parsed = parseYamlFile(JSON.stringify(document), 'api.yaml');
      if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults));
      await engine.loadSources('api', { layers: [parsed.layer], schema });
      await ask({ op: 'merge', patch: { rest: before, level: 'debug' } });
      const exported = valuesNow();

      const { found } = await ask({ op: 'export', format });
      expect(found?.text).not.toContain('s3cr3t');
      expect(await ask({ op: 'import', text: found?.text, format })).toMatchObject({ status: 'unchanged' });

      await ask({ op: 'merge', patch: { rest: { ...after, more: 1 }, level: 'warn', api: { url: 'http://other' } } });
      expect(await ask({ op: 'import', text: found?.text, format })).toMatchObject({ status: 'applied' });
      expect(valuesNow()).toEqual(exported);
    }),
    { numRuns: 200 },
  );
});
