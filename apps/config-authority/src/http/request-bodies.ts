import type { IncomingHttpHeaders } from 'node:http';
import { findUnsafeJson } from '@setpoint/protocol';
import type { FastifyInstance } from 'fastify';
import { refuse, refuseMalformed } from './problems.ts';

export const mergePatchType = 'application/merge-patch+json';
export const jsonPatchType = 'application/json-patch+json';
export const jsonType = 'application/json';
export const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml'] as const;

/** Makes `app` take these types and no other: JSON as a value, and undefined where the body is empty. */
export function takeJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    [jsonType, mergePatchType, jsonPatchType],
    { parseAs: 'buffer' },
    async (_: unknown, bytes: Buffer) => {
      return bytes.length === 0 ? undefined : parseJson(readText(bytes));
    },
  );
}

/** Makes `app` take documents as they are written, for who reads them itself. */
export function takeText(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser([jsonType, ...yamlTypes], { parseAs: 'buffer' }, async (_: unknown, bytes: Buffer) => {
    return readText(bytes);
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function readText(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw refuseMalformed('the body is not UTF-8');
  }
}

/** The parser's own message is not repeated: it quotes the text, which may be a secret. */
function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuseMalformed('the body is not JSON');
  }
  const unsafe = findUnsafeJson(value);
  if (unsafe) throw refuseMalformed(`the body ${unsafe}`);
  return value;
}

/** `text/yaml; charset=utf-8` → `text/yaml`. */
export const mediaTypeOf = ({ 'content-type': type = '' }: IncomingHttpHeaders): string =>
  (type.split(';', 1)[0] ?? '').trim().toLowerCase();

/**
 * Refuses a body of another type, and a POST that says none: a form of a stranger's page can send that without the
 * browser asking first.
 */
export function requireType(types: readonly string[], headers: IncomingHttpHeaders): void {
  const given = mediaTypeOf(headers);
  if (types.includes(given)) return;
  const wanted = types.join(' or ');
  const what = given === '' ? 'the Content-Type is missing' : `the Content-Type is ${given.slice(0, 100)}`;
  throw refuse('media_type_unsupported', `${what}; send ${wanted}`, { headers: { accept: types.join(', ') } });
}
