import {
  appendToken,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  mask,
  type Pointer,
  type SearchHit,
} from '@setpoint/protocol';
import type { SecretTest } from '../schema/redact.ts';
import type { Shape } from '../schema/shape.ts';

/** A service as it is searched. */
export interface Searchable {
  readonly service: string;
  readonly values: JsonObject;
  readonly isSecret: SecretTest;
  /** What says what a setting is for; the first that has a description. */
  readonly shapes: readonly Shape[];
}

/**
 * The settings that a text leads to, best first. A name, a pointer or a value that is the text scores 1, one that begins
 * with it 0.8, one that holds it 0.6, and a description that holds it 0.3; upper and lower case are one. Secret values
 * are neither compared nor shown.
 */
export function search(services: Iterable<Searchable>, text: string, limit: number): SearchHit[] {
  const wanted = text.toLowerCase();
  const hits: SearchHit[] = [];
  for (const searchable of services) {
    walk(searchable, searchable.values, '', '', searchable.shapes, (pointer, name, value, shapes) => {
      const isSecret = searchable.isSecret(pointer);
      const description = descriptionOf(shapes);
      const texts = [name, pointer, ...(isSecret ? [] : textsOf(value))];
      const score = Math.max(
        ...texts.map((each) => scoreOf(each.toLowerCase(), wanted)),
        inDescription(description, wanted),
      );
      if (score === 0) return;
      const shown = isSecret ? mask : value;
      hits.push({
        service: searchable.service,
        pointer,
        value: shown,
        score,
        ...(description !== undefined && { description }),
      });
    });
  }
  return hits.sort(byScore).slice(0, limit);
}

const byScore = (a: SearchHit, b: SearchHit): number =>
  b.score - a.score || compare(a.service, b.service) || compare(a.pointer, b.pointer);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

type Visit = (pointer: Pointer, name: string, value: JsonValue, shapes: readonly Shape[]) => void;

function walk(
  searchable: Searchable,
  value: JsonValue,
  at: Pointer,
  name: string,
  shapes: readonly Shape[],
  visit: Visit,
): void {
  if (at !== '' && (!isJsonObject(value) || Object.keys(value).length === 0)) return visit(at, name, value, shapes);
  for (const [key, member] of Object.entries(value as JsonObject)) {
    const inner = shapes.flatMap((shape) => shape.member(key) ?? []);
    walk(searchable, member, appendToken(at, key), key, inner, visit);
  }
}

/** A list is found by its items. */
const textsOf = (value: JsonValue): string[] =>
  Array.isArray(value) ? value.flatMap(textsOf) : isJsonObject(value) ? [] : [String(value)];

function scoreOf(text: string, wanted: string): number {
  if (text === wanted) return 1;
  if (text.startsWith(wanted)) return 0.8;
  return text.includes(wanted) ? 0.6 : 0;
}

function inDescription(description: string | undefined, wanted: string): number {
  return description?.toLowerCase().includes(wanted) ? 0.3 : 0;
}

function descriptionOf(shapes: readonly Shape[]): string | undefined {
  for (const { parts } of shapes) {
    for (const { description } of parts) if (typeof description === 'string') return description;
  }
  return undefined;
}
