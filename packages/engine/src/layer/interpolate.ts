import { type Fault, isName, type JsonValue, type Pointer } from '@setpoint/protocol';
import type { Shape } from '../schema/shape.ts';
import type { Reference, ReferenceTarget } from './layer.ts';
import { describeTypes, readText } from './read-text.ts';
import { mapScalars, type Placed, type PlacedScalar, type PlacedSection, placeAll } from './source-positions.ts';

/** The value of a variable; undefined where it is not set. */
export type Variables = (name: string) => string | undefined;

export interface InterpolateOptions {
  /** Whose document it is. */
  readonly service: string;
  /** What may stand where. */
  readonly shapes: readonly Shape[];
  readonly variables: Variables;
}

export interface Interpolated {
  readonly root: PlacedSection;
  /** What can only be told when the whole document is known. */
  readonly references: readonly Reference[];
  /** No value of a variable is repeated in them. */
  readonly faults: readonly Fault[];
}

/**
 * Puts variables in their place, `${VAR}` and `${VAR:default}`, and finds references, `${ref:/place}` and
 * `${ref:service#/place}`. `$${` stands for `${`. A scalar that is one whole variable is read by the schema's type.
 */
export function interpolate(root: PlacedSection, options: InterpolateOptions): Interpolated {
  if (!hasMark(root)) return { root, references: [], faults: [] };
  const references: Reference[] = [];
  const faults: Fault[] = [];

  const change = (scalar: PlacedScalar, pointer: Pointer, shapes: readonly Shape[]): Placed => {
    if (!isMarked(scalar)) return scalar;
    const outcome = resolveText(scalar.value, shapes, options);
    if ('parts' in outcome) references.push({ pointer, parts: outcome.parts });
    if ('value' in outcome) return placeAll(outcome.value, scalar.place);
    if ('wrong' in outcome) faults.push({ pointer, ...outcome.wrong, ...scalar.place });
    return scalar;
  };

  const changed = mapScalars(root, options.shapes, change) as PlacedSection;
  return { root: changed, references, faults };
}

const isMarked = (placed: Placed): placed is PlacedScalar & { readonly value: string } =>
  placed.kind === 'scalar' && typeof placed.value === 'string' && placed.value.includes('${');

function hasMark(placed: Placed): boolean {
  if (placed.kind === 'list') return placed.items.some(hasMark);
  if (placed.kind === 'scalar') return isMarked(placed);
  for (const member of placed.members.values()) if (hasMark(member)) return true;
  return false;
}

type Wrong = Pick<Fault, 'message' | 'expected'>;

type Outcome = { readonly value: JsonValue } | { readonly parts: Reference['parts'] } | { readonly wrong: Wrong };

function resolveText(text: string, shapes: readonly Shape[], { service, variables }: InterpolateOptions): Outcome {
  const parts: (string | ReferenceTarget)[] = [];
  for (const piece of split(text)) {
    if ('text' in piece) parts.push(piece.text);
    else if ('wrong' in piece) return { wrong: { message: piece.wrong } };
    else {
      const inserted = insert(piece.inner, service, variables);
      if ('wrong' in inserted) return inserted;
      if ('variable' in inserted && isWhole(piece.inner, text)) return readVariable(inserted, shapes);
      parts.push('target' in inserted ? inserted.target : inserted.text);
    }
  }
  return parts.every((part) => typeof part === 'string') ? { value: parts.join('') } : { parts: joinTexts(parts) };
}

type Piece = { readonly text: string } | { readonly inner: string } | { readonly wrong: string };

function* split(text: string): Generator<Piece> {
  let from = 0;
  for (;;) {
    const start = text.indexOf('${', from);
    if (start < 0) break;
    if (text[start - 1] === '$' && start > from) {
      yield { text: `${text.slice(from, start - 1)}\${` };
      from = start + 2;
      continue;
    }
    const end = text.indexOf('}', start);
    if (end < 0) return yield { wrong: `has "\${" without its "}"; write "$\${" for the text itself` };
    if (start > from) yield { text: text.slice(from, start) };
    yield { inner: text.slice(start + 2, end) };
    from = end + 1;
  }
  if (from < text.length) yield { text: text.slice(from) };
}

const isWhole = (inner: string, text: string): boolean => text === `\${${inner}}`;

type Inserted =
  | { readonly target: ReferenceTarget }
  | { readonly variable: string; readonly text: string }
  | { readonly wrong: Wrong };

function insert(inner: string, service: string, variables: Variables): Inserted {
  const reference = /^ref:(?:([^#/]*)#)?(.*)$/s.exec(inner);
  if (reference) return readReference(reference[1], reference[2] ?? '', service);
  const variable = /^([A-Za-z_][A-Za-z0-9_]*)(?::(.*))?$/s.exec(inner);
  if (!variable)
    return { wrong: { message: `has "\${…}" that names no variable and no place; write "$\${" for the text itself` } };
  const [, name = '', fallback] = variable;
  const value = variables(name);
  // One that is present and empty counts as not set where there is something else to take.
  const text = fallback === undefined ? value : value || fallback;
  if (text === undefined) return { wrong: { message: `takes the variable ${name}, which is not set` } };
  return { variable: name, text };
}

function readReference(to: string | undefined, pointer: string, service: string): Inserted {
  if ((pointer !== '' && !pointer.startsWith('/')) || /~(?![01])/.test(pointer)) {
    return { wrong: { message: 'refers to what is no place; a place is written as /section/setting' } };
  }
  if (to !== undefined && !isName(to)) return { wrong: { message: 'refers to what is no name of a service' } };
  return { target: to === undefined || to === service ? { pointer } : { service: to, pointer } };
}

function readVariable({ variable, text }: { variable: string; text: string }, shapes: readonly Shape[]): Outcome {
  const value = readText(text, shapes);
  if (value !== undefined) return { value };
  const expected = describeTypes(shapes);
  return { wrong: { message: `takes the variable ${variable}, which must be ${expected}`, expected } };
}

function joinTexts(parts: readonly (string | ReferenceTarget)[]): (string | ReferenceTarget)[] {
  const joined: (string | ReferenceTarget)[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part;
    else joined.push(part);
  }
  return joined;
}
