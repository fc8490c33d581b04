import { readFileSync } from 'node:fs';
import SwaggerParser from '@apidevtools/swagger-parser';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Asked, openServedApi, type ServedApi } from '../../apps/config-authority/test/served-api.ts';
import { createOpenApi } from '../../scripts/write-openapi.ts';

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}
interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const written: OpenApi = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'));

describe('docs/openapi.json', () => {
  it('is what the API describes; `npm run openapi` writes it', async () => {
    expect(await createOpenApi()).toEqual(written);
  });

  it('is valid OpenAPI 3.1', async () => {
    expect(written.openapi).toBe('3.1.0');
    await expect(SwaggerParser.validate(structuredClone(written) as never)).resolves.toBeDefined();
  });

  it('names every operation once', () => {
    const names = operations().map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    expect(names).not.toContain(undefined);
  });
});

const operations = (): { path: string; method: string; operation: Operation }[] =>
  Object.entries(written.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );

// Wherever a secret can stand, it begins so; the number is one too.
const secret = 'hush-';
const secretNumber = 918273645;
const vaultSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', description: 'What the vault is called.' },
    token: { type: 'string', 'x-secret': true },
    pin: { type: 'integer', 'x-secret': true },
    accounts: {
      type: 'object',
      'x-secret': true,
      additionalProperties: { type: 'object', properties: { user: { type: 'string' }, password: { type: 'string' } } },
    },
    keys: { type: 'array', 'x-secret': true, items: { type: 'string', minLength: 6 } },
    servers: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        properties: { host: { type: 'string' }, password: { type: 'string', 'x-secret': true } },
      },
    },
  },
};
const vault = {
  name: 'the vault',
  token: `${secret}token`,
  pin: secretNumber,
  accounts: { ann: { user: `${secret}user`, password: `${secret}password` } },
  keys: [`${secret}one`, `${secret}two`],
  servers: { a: { host: 'a.example', password: `${secret}server` } },
};
const later = {
  name: 'still the vault',
  token: `${secret}token-2`,
  pin: secretNumber + 0.0,
  accounts: { ann: { user: `${secret}user-2`, password: `${secret}password-2` } },
  keys: [`${secret}three`],
  servers: { a: { password: `${secret}server-2` }, b: { host: 'b.example', password: `${secret}server-3` } },
};
const wrong = {
  token: { deep: `${secret}deep` },
  pin: `${secret}no-number`,
  keys: [`${secret.slice(0, 2)}`, 7],
  accounts: `${secret}no-object`,
  servers: { a: { password: [`${secret}list`] }, [`${'x'}`]: `${secret}no-server` },
};

const json = 'application/json';
const merge = 'application/merge-patch+json';
const patch = 'application/json-patch+json';

/** Every route, with what it answers when it is well and when it is not. */
const tour: readonly [method: string, path: string, asked?: Asked][] = [
  ['GET', '/openapi.json'],
  ['GET', '/services'],
  ['GET', '/services?x=1'],
  ['GET', '/services/vault'],
  ['GET', '/services/nobody'],
  ['PATCH', '/services/vault', { type: merge, body: later, headers: { 'x-setpoint-reason': 'all of them' } }],
  ['PATCH', '/services/vault', { type: merge, body: wrong }],
  ['PATCH', '/services/vault', { type: merge, body: `{"token":"${secret}broken"` }],
  ['PATCH', '/services/vault', { type: json, body: { token: `${secret}type` } }],
  ['PATCH', '/services/vault', { type: merge, body: { token: `${secret}old` }, headers: { 'if-match': '"1-1"' } }],
  ['PATCH', '/services/vault?expectedVersion=99', { type: merge, body: { token: `${secret}conflict` } }],
  ['PATCH', '/services/vault', { type: patch, body: [{ op: 'test', path: '/token', value: `${secret}guess` }] }],
  ['PATCH', '/services/vault', { type: patch, body: [{ op: 'replace', path: '/token', value: `${secret}token-3` }] }],
  ['PATCH', '/services/vault', { type: patch, body: [{ op: 'add', path: '/keys/0', value: 7 }] }],
  ['GET', '/services/vault?version=1'],
  ['POST', '/services/vault/validate', { body: { patch: { name: 'x' } } }],
  ['POST', '/services/vault/validate', { body: { values: wrong, fix: true } }],
  ['POST', '/services/vault/validate', { body: { patch: wrong, fix: 'clamp' } }],
  ['GET', '/services/vault/schema'],
  ['GET', '/services/vault/export'],
  ['GET', '/services/vault/export?format=json'],
  ['GET', '/services/vault/export?format=kubernetes'],
  ['GET', '/services/vault/export?format=compose'],
  ['GET', '/services/vault/export?format=dotenv'],
  ['GET', '/services/vault/export?format=tfvars'],
  ['POST', '/services/vault/import', { type: 'application/yaml', body: `name: n\ntoken: ${secret}imported\n` }],
  ['POST', '/services/vault/import', { type: json, body: { token: 7, pin: `${secret}imported` } }],
  ['POST', '/services/vault/import', { type: 'text/yaml', body: `token: [${secret}unclosed` }],
  ['POST', '/services/vault/reload', { type: json }],
  ['GET', '/services/vault/history'],
  ['GET', '/services/vault/diff?from=1'],
  ['GET', '/services/vault/diff?from=layer:yaml_file&to=layer:runtime_update'],
  ['GET', '/services/vault/explain'],
  ['GET', '/services/vault/explain?pointer=/token'],
  ['GET', '/services/vault/explain?version=1'],
  ['GET', '/services/vault/blame'],
  ['POST', '/services/vault/rollback', { body: { toVersion: 1 } }],
  ['POST', '/services/vault/rollback', { body: { toVersion: 999 } }],
  ['PUT', '/services/vault/tags/first', { body: { toVersion: 1 } }],
  ['GET', '/services/vault/tags'],
  ['DELETE', '/services/vault/tags/first'],
  ['PATCH', '/services/vault/drafts/next', { type: merge, body: { token: `${secret}draft`, name: 'draft' } }],
  ['GET', '/services/vault/drafts'],
  ['GET', '/services/vault/diff?from=1&to=draft:next'],
  ['POST', '/services/vault/drafts/next/publish', { type: json }],
  ['PATCH', '/services/vault/drafts/other', { type: merge, body: { token: `${secret}draft-2` } }],
  ['DELETE', '/services/vault/drafts/other'],
  ['POST', '/profiles', { body: { profile: 'night' } }],
  ['GET', '/profiles'],
  ['POST', '/profiles/night/activate', { type: json }],
  ['DELETE', '/profiles/night'],
  ['GET', `/search?q=${secret}`],
  ['GET', `/search?q=${secretNumber}`],
  ['GET', '/search?q=token'],
  ['GET', '/search?q=called'],
  ['GET', '/history'],
  ['GET', '/instances'],
  ['GET', '/events'],
  ['GET', '/nothing'],
];

describe('Http-03-Described: the API on its tour', () => {
  let broker: AedesHarness;
  let api: ServedApi;
  const answers: { readonly method: string; readonly path: string; readonly answer: Answer }[] = [];

  beforeAll(async () => {
    broker = await openAedes();
    api = await openServedApi(broker, {
      prepare: async (world) => {
        await world.writeFile('vault.yaml', JSON.stringify(vault));
        await world.writeFile('vault.schema.json', JSON.stringify(vaultSchema));
      },
    });
    await api.world.service({ instance: 'kitchen' });
    for (const [method, path, asked] of tour) {
      const answer = path === '/events' ? await readEvents(api) : await api.ask(method, path, asked);
      answers.push({ method, path, answer });
    }
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await broker.close();
  });

  it('visits every route, and each accepts one request', () => {
    const well = answers
      .filter(({ answer }) => answer.status < 300)
      .map(({ method, path }) => `${method} ${templateOf(path)}`);
    const all = operations().map(({ method, path }) => `${method} ${path}`);
    expect(all.filter((each) => !well.includes(each))).toEqual([]);
  });

  it('gets answers as they are described', () => {
    const { components } = written;
    const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
    const described = close({ components }) as object;
    for (const { method, path, answer } of answers) {
      const template = templateOf(path);
      if (template === undefined) continue;
      const where = `${method} ${path} ${answer.status}`;
      const response = written.paths[template]?.[method.toLowerCase()]?.responses[answer.status];
      expect(response, where).toBeDefined();
      const type = (answer.headers.get('content-type') ?? '').split(';', 1)[0] ?? '';
      const content = response?.content?.[type];
      expect(content, `${where} ${type}`).toBeDefined();
      const check = ajv.compile({ ...described, ...(close(content?.schema ?? {}) as object) });
      const value = answer.json === undefined ? answer.text : answer.json;
      expect(check(value) ? [] : check.errors, `${where} ${answer.text.slice(0, 300)}`).toEqual([]);
    }
  });

  it('Secret-02-Not-Over-Http: tells no secret in any answer, log or event', () => {
    const { engine } = api.world.authority;
    // The secrets are there to be told.
    expect(JSON.stringify(engine.current('vault')?.snapshot.values)).toContain(secret);
    for (const { method, path, answer } of answers) {
      const told = `${answer.text}${JSON.stringify([...answer.headers])}`.replaceAll(`q=${secret}`, '');
      expect(told, `${method} ${path}`).not.toContain(secret);
      expect(told, `${method} ${path}`).not.toContain(String(secretNumber));
    }
    expect(api.world.logs.join('')).not.toContain(secret);
    // The answers do say something.
    expect(answers.find(({ path }) => path === '/services/vault')?.answer.json.values.token).toBe('*** REDACTED ***');
  });
});

/** From the beginning of the log, to the last event that is in it. */
async function readEvents({ url }: ServedApi): Promise<Answer> {
  const ending = new AbortController();
  const first = await fetch(`${url}/events`, { signal: ending.signal });
  const [, id = ''] = /id: (\S+)/.exec(await readSome(first, 'id: ')) ?? [];
  ending.abort();
  const [run, last] = id.split('-');
  const again = new AbortController();
  const response = await fetch(`${url}/events`, { signal: again.signal, headers: { 'last-event-id': `${run}-0` } });
  const text = await readSome(response, `id: ${run}-${last}\nevent`);
  again.abort();
  return { status: response.status, headers: response.headers, text, json: undefined };
}

async function readSome(response: Response, sign: string): Promise<string> {
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    if (text.includes(sign) && text.endsWith('\n\n')) break;
  }
  return text;
}

function templateOf(path: string): string | undefined {
  const plain = `/api/v1${path.split('?', 1)[0]}`;
  // What is written out goes before what is a name.
  return Object.keys(written.paths).find((each) => new RegExp(`^${each.replace(/\{\w+\}/g, '[^/]+')}$`).test(plain));
}

/** No member but those that are described: readers ignore others, and this test must not. */
const close = (schema: object): unknown =>
  JSON.parse(JSON.stringify(schema), (_, value) =>
    value?.type === 'object' && value.properties && value.additionalProperties === undefined
      ? { ...value, additionalProperties: false }
      : value,
  );
