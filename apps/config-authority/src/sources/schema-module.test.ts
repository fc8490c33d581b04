import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSchemaModule } from './schema-module.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'setpoint-schema-'));
});
afterAll(() => rm(directory, { recursive: true }));

let count = 0;

async function load(text: string, ending = 'ts') {
  count += 1;
  const path = join(directory, `vad-${count}.schema.${ending}`);
  await writeFile(path, text);
  return { path, schema: await loadSchemaModule(path) };
}

const vad = (limit: number): string => `
import { z } from 'zod';
interface Limits { readonly most: number }
const limits: Limits = { most: ${limit} };
export default z.object({
  threshold: z.number().max(limits.most).default(0.5),
  token: z.string().meta({ 'x-secret': true }).optional(),
});
`;

describe('Schema-01-Zod-Module: a schema module', () => {
  it('is the JSON Schema of what its zod schema takes in, from a folder that has no packages', async () => {
    const { schema } = await load(vad(1));
    expect(schema.schema).toMatchObject({
      properties: { threshold: { type: 'number', maximum: 1, default: 0.5 }, token: { 'x-secret': true } },
    });
    expect(schema.fillDefaults({})).toEqual({ threshold: 0.5 });
    expect(schema.secrets.touches('/token')).toBe(true);
    expect(schema.evaluate({ threshold: 2 })?.errors).toHaveLength(1);
    expect(schema.migration).toBeUndefined();
  });

  it('is reloaded after an edit', async () => {
    const { path } = await load(vad(1));
    await writeFile(path, vad(10));
    expect((await loadSchemaModule(path)).evaluate({ threshold: 2 })?.errors).toHaveLength(0);
  });

  it('checks what JSON Schema cannot express', async () => {
    const { schema } = await load(`
      import { z } from 'zod';
      const range = z.object({ low: z.number(), high: z.number() });
      export default z.object({ range: range.refine?.(({ low, high }) => low < high, { path: ['low'], message: 'must be less than high' }) });
    `);
    expect(schema.refine?.({ range: { low: 1, high: 2 } })).toEqual([]);
    expect(schema.refine?.({ range: { low: 3, high: 2 } })).toEqual([
      { pointer: '/range/low', message: 'must be less than high' },
    ]);
  });

  it('refuses a document that it cannot check', async () => {
    const waiting = await load(`
      import { z } from 'zod';
      export default z.object({ a: z.string().refine(async () => true) });
    `);
    expect(waiting.schema.refine?.({ a: 'x' })).toMatchObject([
      { message: expect.stringContaining('checks that wait') },
    ]);
    const throwing = await load(`
      import { z } from 'zod';
      export default z.object({ a: z.string().refine((a) => { throw new Error(a) }) });
    `);
    expect(throwing.schema.refine?.({ a: 'x' })).toEqual([
      { pointer: '', message: "can't be checked: the schema module has a check that failed" },
    ]);
  });

  it('may migrate older documents', async () => {
    const { schema } = await load(
      `
      export default {
        schema: { type: 'object', properties: { rateHz: { type: 'number' } } },
        renames: [{ from: '/rate', to: '/rateHz' }],
        migrate: ({ khz, ...rest }) => (khz === undefined ? rest : { ...rest, rateHz: khz * 1000 }),
      };
    `,
      'mjs',
    );
    expect(schema.migration?.rename({ rate: 5 })).toMatchObject({ document: { rateHz: 5 } });
    expect(schema.migration?.convert({ khz: 16 })).toEqual({ rateHz: 16_000 });
    expect(schema.refine).toBeUndefined();
  });

  it('Isolation-44-Modules-Contained: is refused when it does not end, and holds up nothing meanwhile', async () => {
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 10);
    await expect(load('for (;;);')).rejects.toMatchObject({
      faults: [{ message: "the module can't be loaded: it takes longer than 5000 ms" }],
    });
    clearInterval(turning);
    expect(turns).toBeGreaterThan(50);
    expect((await load("export default { schema: { type: 'object' } };", 'mjs')).schema.evaluate({})?.errors).toEqual(
      [],
    );
  });

  it.each<[string, string, number]>([
    ['export default 5;', 'its default export must be a zod schema', 1],
    ['export const schema = {};', 'its default export must be a zod schema', 1],
    ['export default { schema: {}, migrate: 1 };', '"migrate" must be a function', 1],
    ["export default { schema: { type: 'nothing' } };", 'not a JSON Schema', 1],
    ["\nthrow new Error('broken');", "the module can't be loaded: broken", 2],
    ["import 'no-such-package';", "the module can't be loaded: Cannot find package", 1],
    ['\n\nexport default {', "the module can't be loaded: ", 3],
    ['throw null;', 'it threw null', 1],
    ['throw { toString() { throw null; } };', "the module can't be loaded: it threw", 1],
    ['export default { get schema() { throw null; } };', 'it threw null', 1],
    ['process.exit(3);', 'it ends the process', 1],
  ])('Isolation-44-Modules-Contained: is refused with its file when it is invalid: %s', async (text, message, line) => {
    await expect(load(text)).rejects.toMatchObject({
      code: 'document_invalid',
      faults: [
        { pointer: '', message: expect.stringContaining(message), file: expect.stringMatching(/\.schema\.ts$/), line },
      ],
    });
  });
});
