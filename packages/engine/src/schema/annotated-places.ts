import { appendToken, type JsonObject, type JsonValue, type Pointer, parsePointer } from '@setpoint/protocol';
import { findHolders } from './schema-walk.ts';
import type { Shape } from './shape.ts';

/** The places of documents whose schema carries an annotation. */
export interface Places {
  /** Those of one document, sorted; the outermost where one lies in another. */
  within(document: JsonObject): Pointer[];
  /** Does `pointer` lead to such a place, into one, or to something that may hold one? */
  touches(pointer: Pointer): boolean;
}

export function createPlaces(root: JsonObject, shape: Shape, keyword: string): Places {
  const holders = findHolders(root, keyword);
  const isMarked = ({ parts }: Shape): boolean => parts.some((part) => part[keyword] === true);
  const mayHold = ({ parts }: Shape): boolean => parts.some((part) => holders.has(part));

  function find(here: Shape, value: JsonValue, at: Pointer): Pointer[] {
    if (isMarked(here)) return [at];
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, member]) => {
      const inner = Array.isArray(value) ? here.item(Number(key)) : here.member(key);
      return inner && mayHold(inner) ? find(inner, member, appendToken(at, key)) : [];
    });
  }

  function reaches(here: Shape | undefined, [token, ...rest]: readonly string[]): boolean {
    if (!here || !mayHold(here)) return false;
    if (token === undefined || isMarked(here)) return true;
    return reaches(here.member(token), rest) || (/^\d+$/.test(token) && reaches(here.item(Number(token)), rest));
  }

  return {
    within: (document) => (mayHold(shape) ? find(shape, document, '').sort() : []),
    touches: (pointer) => reaches(shape, parsePointer(pointer)),
  };
}
