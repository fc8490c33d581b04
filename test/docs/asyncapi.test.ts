import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createTopics, messageSchemas } from '@setpoint/protocol';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { stringifyAsyncApi } from '../../scripts/write-asyncapi.ts';

interface Operation {
  readonly action: 'send' | 'receive';
  readonly channel: { readonly $ref: string };
  readonly messages: readonly { readonly $ref: string }[];
  readonly bindings: { readonly mqtt: { readonly qos: number; readonly retain?: boolean } };
}
interface AsyncApi {
  readonly channels: Readonly<
    Record<string, { readonly address: string; readonly messages: object; readonly parameters: object }>
  >;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: { readonly messages: Readonly<Record<string, { readonly name: string }>> };
}

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/asyncapi.yaml', root), 'utf8');
const document = parse(text) as AsyncApi;
const sends = Object.values(document.operations).filter(({ action }) => action === 'send');

describe('Wire-10-AsyncApi-Agrees: docs/asyncapi.yaml', () => {
  it('is what scripts/write-asyncapi.ts writes from the schemas that the code validates with', () => {
    expect(text).toBe(stringifyAsyncApi());
  });

  it('has the addresses that topics are built with', () => {
    const topics = createTopics();
    const hex = 'f'.repeat(64);
    const built: Record<string, string> = {
      snapshot: topics.snapshot('vad'),
      contract: topics.contract('vad', `sha256:${hex}`),
      request: topics.request('vad'),
      result: topics.result('vad', 'ada'),
      convergence: topics.convergence('vad'),
      health: topics.health('vad-1'),
      keepalive: topics.keepalive('vad-1'),
    };
    const names: Record<string, string> = { service: 'vad', digest: hex, requester: 'ada', id: 'vad-1' };
    const filled = Object.entries(document.channels).map(([name, { address }]) => [
      name,
      address.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => names[parameter] ?? '?'),
    ]);
    expect(Object.fromEntries(filled)).toEqual(built);
  });

  it('names the parameters of every address', () => {
    for (const { address, parameters } of Object.values(document.channels)) {
      expect(Object.keys(parameters).map((name) => `{${name}}`)).toEqual(address.match(/\{\w+\}/g));
    }
  });

  it('has every type of message, each on its channel', () => {
    const { messages } = document.components;
    expect(Object.values(messages).map(({ name }) => name)).toEqual(Object.keys(messageSchemas));
    const carried = Object.entries(document.channels).map(([name, channel]) => [
      name,
      ...Object.keys(channel.messages),
    ]);
    expect(carried).toEqual([
      ['snapshot', 'Snapshot'],
      ['contract', 'Contract'],
      ['request', 'Request'],
      ['result', 'Result'],
      ['convergence', 'Convergence'],
      ['health', 'Health'],
      ['keepalive', 'Keepalive'],
    ]);
  });

  it.each([
    ['snapshot', 1, true],
    ['contract', 1, true],
    ['request', 1, false],
    ['result', 1, false],
    ['convergence', 1, true],
    ['health', 1, true],
    ['keepalive', 0, false],
  ])('publishes to %s with QoS %i and retain %s', (channel, qos, retain) => {
    const bindings = sends.filter(({ channel: { $ref } }) => $ref === `#/channels/${channel}`);
    expect(bindings.length).toBeGreaterThan(0);
    for (const { bindings: binding } of bindings) expect(binding.mqtt).toMatchObject({ qos, retain });
  });

  it('says who sends what', () => {
    const named = Object.entries(document.operations).filter(([, { action }]) => action === 'send');
    expect(named.map(([name]) => name)).toEqual([
      'authoritySendsSnapshot',
      'instanceSendsContract',
      'operatorSendsRequest',
      'authoritySendsResult',
      'authoritySendsConvergence',
      'authoritySendsHealth',
      'instanceSendsHealth',
      'authoritySendsKeepalive',
      'instanceSendsKeepalive',
    ]);
  });

  it('has no reference that leads nowhere', () => {
    const references = [...text.matchAll(/\$ref: "#\/([^"]+)"/g)].map(([, path = '']) => path);
    expect(references.length).toBeGreaterThan(50);
    for (const path of references) {
      const found = path
        .split('/')
        .reduce<unknown>((here, name) => (here as Record<string, unknown>)?.[name], document);
      expect(found, path).toBeTypeOf('object');
    }
  });

  it('is valid AsyncAPI 3.0', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const validate = ajv.compile(readMetaSchema());
    expect(validate(document), JSON.stringify(validate.errors?.slice(0, 5), undefined, 2)).toBe(true);
  });
});

function readMetaSchema(): object {
  const file = createRequire(import.meta.url).resolve('@asyncapi/specs/schemas/3.0.0-without-$id.json');
  return JSON.parse(readFileSync(file, 'utf8')) as object;
}

interface Vector {
  readonly name: string;
  readonly message?: string;
  readonly expect: { readonly accepted: boolean; readonly error?: string };
}

describe.each(['snapshot', 'contract', 'request', 'result', 'convergence', 'health', 'keepalive'])(
  'Wire-10-AsyncApi-Agrees: the payload schema of %s',
  (kind) => {
    const file = new URL(`packages/protocol/vectors/${kind}.json`, root);
    const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly Vector[] };
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'asyncapi');
    const name = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
    const validate = ajv.compile({ $ref: `asyncapi#/components/messages/${name}/payload/schema` });

    it.each(cases.filter(({ expect: { accepted } }) => accepted))('takes $name', ({ message = '' }) => {
      expect(validate(JSON.parse(message)), JSON.stringify(validate.errors)).toBe(true);
    });

    // That two members agree is a rule that JSON Schema has no words for.
    const misfits = cases.filter(
      ({ name, expect: { error } }) => error === 'message_unexpected' && !/other service|another service/.test(name),
    );
    it.each(misfits)('refuses $name', ({ message = '' }) => {
      expect(validate(JSON.parse(message))).toBe(false);
    });
  },
);

it('Wire-10-AsyncApi-Agrees: lies where docs/protocol.md says', () => {
  expect(existsSync(new URL('docs/protocol.md', root))).toBe(true);
  expect(readFileSync(new URL('docs/protocol.md', root), 'utf8')).toContain('asyncapi.yaml');
});
