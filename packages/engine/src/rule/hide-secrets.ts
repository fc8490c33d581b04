import type { Fault, JsonObject } from '@setpoint/protocol';
import type { SecretTest } from '../schema/redact.ts';
import { walkValues } from './walk-values.ts';

export interface Confidential {
  readonly document: JsonObject;
  readonly isSecret: SecretTest;
}

/** So many letters in a row that a text shares with a secret are no coincidence. */
const telling = 6;

/**
 * What a rule wrote, without what repeats a secret, or a part of one, of any document that the rule could see. Whole
 * texts are left out: what is left of a text with a hole in it may tell the rest.
 */
export function hideSecrets(faults: readonly Fault[], documents: readonly Confidential[]): Fault[] {
  const repeatsSecret = createSecretFinder(documents);
  const repeats = (text: string | undefined): boolean => text !== undefined && repeatsSecret(text);
  return faults.map((fault) => {
    const { pointer, message, expected, suggestion, ...rest } = fault;
    return {
      ...rest,
      pointer: repeats(pointer) ? '' : pointer,
      message: repeats(message) ? 'is wrong; what the rule says of it repeats a secret and is left out' : message,
      ...(expected !== undefined && !repeats(expected) && { expected }),
      ...(suggestion !== undefined && !repeats(suggestion) && { suggestion }),
    };
  });
}

/** Tells whether a text repeats a secret of the documents, or a part of one. */
export function createSecretFinder(documents: readonly Confidential[]): (text: string) => boolean {
  const secrets = [...new Set(documents.flatMap(secretTexts))];
  return (text) => secrets.some((secret) => isRepeated(secret, text));
}

function secretTexts({ document, isSecret }: Confidential): string[] {
  const texts: string[] = [];
  walkValues(document, undefined, ({ value, kind, pointer }) => {
    const isText = kind === 'number' || (kind === 'text' && value !== '');
    if (isText && isSecret(pointer())) texts.push(String(value));
  });
  return texts;
}

function isRepeated(secret: string, text: string): boolean {
  if (secret.length < telling) return isWord(secret, text);
  for (let at = 0; at + telling <= secret.length; at += 1) {
    if (text.includes(secret.slice(at, at + telling))) return true;
  }
  return false;
}

/** A short secret is a word of its own: "on" is not told by "configuration". */
const isWord = (secret: string, text: string): boolean =>
  text.split(/[^\p{L}\p{N}]+/u).includes(secret) || (/[^\p{L}\p{N}]/u.test(secret) && text.includes(secret));
