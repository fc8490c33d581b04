import type { JsonObject, Result } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../engine.ts';
import type { Layer } from '../layer/layer.ts';
import { compileSchema } from '../schema/schema.ts';
import { createMemoryStore } from '../store/memory.ts';

const schema = compileSchema({
  type: 'object',
  properties: {
    name: { type: 'string' },
    api: {
      type: 'object',
      properties: {
        key: { type: 'string', 'x-secret': true, 'x-restart-required': true },
        pins: { type: 'array', 'x-secret': true },
        url: { type: 'string' },
      },
    },
    auth: { type: 'object', 'x-secret': true },
  },
});

const truth: JsonObject = {
  name: 'vad',
  api: { url: 'here', key: 'hunter22', pins: [1, 2] },
  auth: { user: 'ann', pass: { word: 'squirrel' } },
};

const layer = (name: Layer['name'], document: JsonObject): Layer => ({
  name,
  document,
  author: 'file',
  locate: () => ({ name: '--set vad/api/key' }),
});

async function open(layers: readonly Layer[] = [layer('yaml_file', truth)]) {
  const engine = await createEngine({ store: createMemoryStore() });
  await engine.loadSources('vad', { layers, schema });
  let count = 0;
  return (operation: object): Promise<Result> => {
    count += 1;
    const request = { service: 'vad', author: 'bob', ...operation } as never;
    return engine.request(request, `r-${count}`, { requester: 'bob' });
  };
}

/** A guess at each secret, right and wrong; both are answered alike. */
const guesses: readonly [string, JsonObject, JsonObject][] = [
  ['a text', { api: { key: 'hunter22' } }, { api: { key: 'hunter23' } }],
  ['a list', { api: { pins: [1, 2] } }, { api: { pins: [1, 3] } }],
  ['one in a section', { auth: { pass: { word: 'squirrel' } } }, { auth: { pass: { word: 'squirrels' } } }],
  [
    'one beside others',
    { name: 'lamp', api: { url: 'there', key: 'hunter22' } },
    { name: 'lamp', api: { url: 'there', key: 'hunter23' } },
  ],
];

describe('Secret-04-No-Guess: whoever may only read', () => {
  it.each(guesses)('learns by no validation of a merge whether a guess at %s is right', async (_, right, wrong) => {
    const ask = await open();
    const [first, second] = [await ask({ op: 'validate', patch: right }), await ask({ op: 'validate', patch: wrong })];
    expect(first).toMatchObject({ status: 'valid' });
    expect(first.changed.length).toBeGreaterThan(0);
    expect(first).toEqual(second);
  });

  it.each(guesses)('learns by no validation of a document whether a guess at %s is right', async (_, right, wrong) => {
    const ask = await open();
    const first = await ask({ op: 'validate', values: right });
    expect(first.status).toBe('valid');
    expect(first).toEqual(await ask({ op: 'validate', values: wrong }));
  });

  it.each(guesses)('learns by no difference to a document whether a guess at %s is right', async (_, right, wrong) => {
    const ask = await open();
    for (const sides of [
      (values: JsonObject) => ({ from: 'present', to: { values } }),
      (values: JsonObject) => ({ from: { values }, to: 1 }),
      (values: JsonObject) => ({ from: { values }, to: { layer: 'yaml_file' } }),
    ]) {
      const first = await ask({ op: 'diff', ...sides(right) });
      expect(first.status).toBe('found');
      expect(first).toEqual(await ask({ op: 'diff', ...sides(wrong) }));
      expect(JSON.stringify(first)).not.toMatch(/hunter|squirrel/);
    }
  });

  it.each(['hunter22', 'hunter24'])(
    'learns nothing of a secret that an argument hides by guessing %s',
    async (real) => {
      const layers = [layer('yaml_file', { api: { key: 'hunter22' } }), layer('cli_argument', { api: { key: real } })];
      const ask = await open(layers);
      for (const form of ['patch', 'values']) {
        const answers = await Promise.all(
          ['hunter22', 'hunter23', 'hunter24'].map((key) => ask({ op: 'validate', [form]: { api: { key } } })),
        );
        expect(answers[0]).toMatchObject({ status: 'valid', changed: [], warnings: [{ pointer: '/api/key' }] });
        expect(answers[1]).toEqual(answers[0]);
        expect(answers[2]).toEqual(answers[0]);
      }
    },
  );

  it('is still told what else would change, and what needs a restart', async () => {
    const ask = await open();
    expect(await ask({ op: 'validate', patch: { name: 'vad', api: { url: 'there' } } })).toMatchObject({
      changed: ['/api/url'],
      restartRequired: [],
    });
    expect(await ask({ op: 'validate', patch: { api: { url: 'there', key: 'hunter22' } } })).toMatchObject({
      changed: ['/api/url', '/api/key'],
      restartRequired: ['/api/key'],
    });
  });
});
