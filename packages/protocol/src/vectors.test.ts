import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { digestOf, stringifySorted } from './digest.ts';
import type { JsonValue } from './json.ts';
import { createKeyRing, createSigner, parseSigningKey, parseTrustedKeys } from './keys.ts';
import { type MessageType, openMessage } from './message/message.ts';
import { judge, type Stamp } from './order.ts';
import { changedPointers, formatPointer, isWithin, parsePointer, readPointer } from './pointer.ts';
import { SetpointError } from './problem.ts';
import { joinSignature, splitSignature } from './signature.ts';
import { type Address, createTopics, isName, type Topics } from './topic.ts';

const vectors = new URL('../vectors/', import.meta.url);
const read = <T>(file: string): T => JSON.parse(readFileSync(new URL(`${file}.json`, vectors), 'utf8')) as T;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

interface Keys {
  readonly signingKeys: readonly { readonly kid: string }[];
  readonly keyRings: Readonly<Record<string, unknown>>;
  readonly invalidKeyRings: readonly { readonly name: string; readonly json: unknown }[];
}
const keys = read<Keys>('keys');
const ringOf = (name: string) => createKeyRing(parseTrustedKeys(keys.keyRings[name]));

interface MessageCase {
  readonly name: string;
  readonly type: MessageType;
  readonly message?: string;
  readonly messageBase64?: string;
  readonly keyRing: string | null;
  readonly now: string;
  readonly maxEnvelopeBytes?: number;
  readonly expect:
    | { accepted: true; source: string; subject: string; data: unknown; signedBy?: unknown }
    | { accepted: false; error: string };
}

/** The result of opening a message, in the words of the vectors. */
function verdictOn({ type, message, messageBase64, keyRing, now, maxEnvelopeBytes }: MessageCase): unknown {
  const bytes = message === undefined ? Buffer.from(messageBase64 ?? '', 'base64') : Buffer.from(message);
  try {
    const { envelope, data, signedBy } = openMessage(type, bytes, {
      keys: keyRing === null ? undefined : ringOf(keyRing),
      now: Date.parse(now),
      maxEnvelopeBytes,
    });
    const { source, subject } = envelope;
    const by = signedBy && { keyId: signedBy.keyId, operator: signedBy.operator };
    return { accepted: true, source, subject, data, signedBy: by };
  } catch (error) {
    return { accepted: false, error: error instanceof SetpointError ? error.code : error };
  }
}

const messageFiles = [
  'envelope',
  'snapshot',
  'contract',
  'request',
  'result',
  'convergence',
  'health',
  'keepalive',
] as const;

describe.each(messageFiles)('Wire-05-Golden-Vectors: %s.json', (file) => {
  it.each(read<{ cases: MessageCase[] }>(file).cases)('$name', (vector) => {
    expect(verdictOn(vector)).toEqual(vector.expect);
  });
});

describe('Wire-05-Golden-Vectors: keys.json', () => {
  it.each(keys.invalidKeyRings)('refuses $name', ({ json }) => {
    const refusal = expect.objectContaining({ code: 'key_malformed' });
    expect(() => createKeyRing(parseTrustedKeys(json))).toThrow(refusal);
  });
});

describe('Wire-05-Golden-Vectors: signature.json', () => {
  const { signing, splitting } = read<{
    signing: { key: string; json: string; message: string }[];
    splitting: { name: string; message: string; signed: string; keyId: string | null; signature?: string }[];
  }>('signature');

  it.each(signing)('signs $json with $key', ({ key, json, message }) => {
    const signer = createSigner(parseSigningKey(keys.signingKeys.find(({ kid }) => kid === key)));
    expect(joinSignature(json, key, signer.sign(Buffer.from(json)))).toBe(message);
  });

  it.each(splitting)('$name', ({ message, signed, keyId, signature }) => {
    const split = splitSignature(Buffer.from(message));
    expect(text(split.signed)).toBe(signed);
    expect(split.signature?.keyId ?? null).toBe(keyId);
    expect(split.signature && Buffer.from(split.signature.bytes).toString('base64url')).toBe(signature);
  });
});

describe('Wire-05-Golden-Vectors: order.json', () => {
  const { cases } = read<{ cases: { name: string; applied: Stamp | null; incoming: Stamp; verdict: string }[] }>(
    'order',
  );

  it.each(cases)('$name: $verdict', ({ applied, incoming, verdict }) => {
    const judged = judge(applied ?? undefined, incoming);
    expect(judged.kind === 'apply' ? judged.kind : `${judged.kind}: ${judged.reason}`).toBe(verdict);
  });
});

describe('Wire-05-Golden-Vectors: pointer.json', () => {
  const { parsing, invalid, reading, within } = read<{
    parsing: { pointer: string; tokens: string[] }[];
    invalid: string[];
    reading: { document: JsonValue; found: { pointer: string; value: JsonValue }[]; missing: string[] };
    within: { inner: string; outer: string; within: boolean }[];
  }>('pointer');

  it.each(parsing)('parses $pointer to $tokens', ({ pointer, tokens }) => {
    expect(parsePointer(pointer)).toEqual(tokens);
    expect(formatPointer(tokens)).toBe(pointer);
  });

  it.each(invalid)('refuses %j as a pointer', (pointer) => {
    expect(() => parsePointer(pointer)).toThrow(expect.objectContaining({ code: 'pointer_invalid' }));
  });

  it.each(reading.found)('finds $pointer', ({ pointer, value }) => {
    expect(readPointer(reading.document, pointer)).toEqual(value);
  });

  it.each(reading.missing)('finds nothing at %j', (pointer) => {
    expect(readPointer(reading.document, pointer)).toBeUndefined();
  });

  it.each(within)('$inner within $outer: $within', (vector) => {
    expect(isWithin(vector.inner, vector.outer)).toBe(vector.within);
  });
});

describe('Wire-05-Golden-Vectors: digest.json', () => {
  const { cases } = read<{ cases: { name: string; json: string; sorted: string; digest: string }[] }>('digest');

  it.each(cases)('$name', ({ json, sorted, digest }) => {
    expect(stringifySorted(JSON.parse(json) as JsonValue)).toBe(sorted);
    expect(digestOf(JSON.parse(json) as JsonValue)).toBe(digest);
  });
});

describe('Wire-05-Golden-Vectors: topic.json', () => {
  const { topics, subscriptions, unknown, invalidNames, invalidPrefixes, invalidDigests } = read<{
    topics: { prefix: string; topic: string; address: Address }[];
    subscriptions: { prefix: string; address: Address; filter: string }[];
    unknown: { prefix: string; topic: string }[];
    invalidNames: string[];
    invalidPrefixes: string[];
    invalidDigests: string[];
  }>('topic');
  const refusal = expect.objectContaining({ code: 'name_invalid' });

  it.each(topics)('$topic', ({ prefix, topic, address }) => {
    expect(build(createTopics(prefix), address)).toBe(topic);
    expect(createTopics(prefix).parse(topic)).toEqual(address);
  });

  it.each(subscriptions)('subscribes to $filter', ({ prefix, address, filter }) => {
    expect(build(createTopics(prefix), address)).toBe(filter);
  });

  it.each(unknown)('does not recognise "$topic" under the prefix "$prefix"', ({ prefix, topic }) => {
    expect(createTopics(prefix).parse(topic)).toBeUndefined();
  });

  it('refuses invalid names, prefixes and digests', () => {
    for (const name of invalidNames) {
      expect(isName(name)).toBe(false);
      expect(() => createTopics().snapshot(name)).toThrow(refusal);
    }
    for (const prefix of invalidPrefixes) expect(() => createTopics(prefix)).toThrow(refusal);
    for (const digest of invalidDigests) expect(() => createTopics().contract('vad', digest)).toThrow(refusal);
  });
});

function build(topics: Topics, address: Address): string {
  switch (address.kind) {
    case 'contract':
      return topics.contract(address.service, address.digest);
    case 'result':
      return topics.result(address.service, address.requester);
    case 'health':
    case 'keepalive':
      return topics[address.kind](address.id);
    default:
      return topics[address.kind](address.service);
  }
}

describe('Wire-05-Golden-Vectors: changed-pointers.json', () => {
  const { cases } = read<{ cases: { name: string; before: JsonValue; after: JsonValue; changed: string[] }[] }>(
    'changed-pointers',
  );

  it.each(cases)('$name', ({ before, after, changed }) => {
    expect(changedPointers(before, after)).toEqual(changed);
  });
});

it('Wire-05-Golden-Vectors: every vector file is run', () => {
  const others = ['changed-pointers', 'digest', 'keys', 'order', 'pointer', 'signature', 'topic'];
  const files = readdirSync(vectors).filter((name) => name.endsWith('.json'));
  expect(files.sort()).toEqual([...messageFiles, ...others].map((name) => `${name}.json`).sort());
});
