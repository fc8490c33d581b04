import {
  type Fault,
  isWithin,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
  readPointer,
} from '@setpoint/protocol';
import { placesAround } from '../document/overlap.ts';
import { isSecretIn, type SecretTest } from '../schema/redact.ts';
import { describeTarget, type Reference, type ReferenceTarget, servicesOf, targetsOf } from './layer.ts';

/** What a reference needs of the service that it leads to. */
export interface Referred {
  /** Undefined where it has no document yet. */
  readonly values: JsonObject | undefined;
  /** What is marked there now, and what was when its document was made. */
  readonly isSecret: SecretTest;
  /** The services that it refers to itself. */
  readonly refersTo: readonly string[];
}

/** Undefined where there is no such service. */
export type FindService = (service: string) => Referred | undefined;

export interface Followed {
  readonly values: JsonObject;
  readonly faults: readonly Fault[];
}

/** A document past this would fit into no message; references that use one another twice grow beyond any memory. */
const maxSize = 16_777_216;

/**
 * Replaces references by what they lead to. A reference that leads nowhere, or back to itself, stays as it is written and
 * is reported as a fault.
 */
export function followReferences(
  document: JsonObject,
  references: readonly Reference[],
  findService: FindService,
): Followed {
  const faults: Fault[] = [];
  const found = new Map<Pointer, JsonValue | undefined>();
  const sizes = new WeakMap<object, number>();
  const byPlace = new Map(references.map((reference) => [reference.pointer, reference]));

  /** The value of a reference; undefined where it has none, which is reported once. */
  function follow(reference: Reference, chain: readonly Pointer[]): JsonValue | undefined {
    const { pointer, parts } = reference;
    if (found.has(pointer)) return found.get(pointer);
    if (chain.includes(pointer)) {
      const circle = [...chain.slice(chain.indexOf(pointer)), pointer];
      faults.push({ pointer, message: `refers to itself: ${circle.join(' → ')}` });
      for (const place of circle) found.set(place, undefined);
      return undefined;
    }
    const values = parts.map((part) => (typeof part === 'string' ? part : targetValue(part, pointer, chain)));
    // It may have turned out to be part of a circle.
    const value = found.has(pointer) || values.includes(undefined) ? undefined : join(values as JsonValue[], pointer);
    found.set(pointer, value);
    return value;
  }

  function targetValue(target: ReferenceTarget, from: Pointer, chain: readonly Pointer[]): JsonValue | undefined {
    const { service, pointer } = target;
    const value = service === undefined ? ownValue(pointer, [...chain, from]) : foreignValue(service, pointer);
    // A reference that leads to a broken one is not reported again.
    const isTold = service === undefined && leadsToBroken(pointer);
    if (value === undefined && !isTold && !found.has(from)) {
      faults.push({ pointer: from, message: `refers to ${describeTarget(target)}, which there is not` });
    }
    return value;
  }

  const referenceAround = (pointer: Pointer): Reference | undefined =>
    [pointer, ...placesAround(pointer)].flatMap((place) => byPlace.get(place) ?? [])[0];

  function leadsToBroken(pointer: Pointer): boolean {
    const around = referenceAround(pointer);
    return around ? found.get(around.pointer) === undefined : readPointer(document, pointer) !== undefined;
  }

  const foreignValue = (service: string, pointer: Pointer): JsonValue | undefined => {
    const referred = findService(service);
    return referred?.values && readPointer(referred.values, pointer);
  };

  /** A value of the own document, with the references around it and in it followed first. */
  function ownValue(pointer: Pointer, chain: readonly Pointer[]): JsonValue | undefined {
    const around = referenceAround(pointer);
    if (around) {
      const outer = follow(around, chain);
      return outer === undefined ? undefined : readPointer(outer, pointer.slice(around.pointer.length));
    }
    const value = readPointer(document, pointer);
    if (typeof value !== 'object' || value === null) return value;
    const within = references.filter((reference) => isWithin(reference.pointer, pointer));
    const inner = within.map((reference) => ({
      tokens: parsePointer(reference.pointer.slice(pointer.length)),
      value: follow(reference, chain),
    }));
    return inner.some((one) => one.value === undefined) ? undefined : write(value, inner as Written[]);
  }

  function join(values: readonly JsonValue[], pointer: Pointer): JsonValue | undefined {
    const [only, ...others] = values;
    const refuse = (message: string): undefined => void faults.push({ pointer, message });
    const size = values.reduce<number>((sum, value) => sum + sizeOf(value), 0);
    if (size > maxSize) return refuse(`refers to more than ${maxSize} characters`);
    if (others.length === 0) return only;
    if (values.some((value) => typeof value === 'object' && value !== null)) {
      return refuse('refers to a section or a list, which can not stand inside a text');
    }
    return values.map(String).join('');
  }

  function sizeOf(value: JsonValue): number {
    if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value.length : 1;
    const before = sizes.get(value);
    if (before !== undefined) return before;
    const size = Object.values(value).reduce<number>((sum, member) => sum + sizeOf(member), 1);
    sizes.set(value, size);
    return size;
  }

  const written = references.flatMap((reference) => {
    const value = follow(reference, []);
    return value === undefined ? [] : [{ tokens: parsePointer(reference.pointer), value }];
  });
  if (sizeOf(write(document, written)) > maxSize) {
    faults.push({ pointer: '', message: `its references make more than ${maxSize} characters` });
    return { values: document, faults };
  }
  // A copy: one object in two places of a document would change in both places at once.
  const copies = written.map(({ tokens, value }) => ({ tokens, value: structuredClone(value) }));
  return { values: write(document, copies) as JsonObject, faults };
}

interface Written {
  readonly tokens: readonly string[];
  readonly value: JsonValue;
}

/** A copy with each value in its place, in lists too; the places are there. */
function write(document: JsonValue, values: readonly Written[]): JsonValue {
  const whole = values.find(({ tokens }) => tokens.length === 0);
  if (whole) return whole.value;
  if (values.length === 0 || typeof document !== 'object' || document === null) return document;
  const byMember = Map.groupBy(values, ({ tokens }) => tokens[0] as string);
  const member = (key: string, value: JsonValue): JsonValue =>
    write(
      value,
      (byMember.get(key) ?? []).map((written) => ({ ...written, tokens: written.tokens.slice(1) })),
    );
  if (Array.isArray(document)) return document.map((item, i) => member(String(i), item));
  const changed = [...byMember.keys()].map((key) => [key, member(key, (document as JsonObject)[key] as JsonValue)]);
  return { ...document, ...Object.fromEntries(changed) };
}

/** The referring places whose value is, or holds, what is secret where it comes from. */
export function secretReferences(
  references: readonly Reference[],
  isSecret: SecretTest,
  findService: FindService,
): Pointer[] {
  const found = new Set<Pointer>();
  const isForeignSecret = ({ service, pointer }: ReferenceTarget): boolean =>
    service !== undefined && findService(service)?.isSecret(pointer) === true;
  for (;;) {
    const isFound = isSecretIn([...found]);
    const more = references.filter(
      (reference) =>
        !found.has(reference.pointer) &&
        targetsOf(reference).some((target) =>
          target.service === undefined ? isSecret(target.pointer) || isFound(target.pointer) : isForeignSecret(target),
        ),
    );
    if (more.length === 0) return [...found];
    for (const { pointer } of more) found.add(pointer);
  }
}

/** The chain of services that leads back to `service`; undefined where there is none. */
export function findServiceCircle(
  service: string,
  references: readonly Reference[],
  findService: FindService,
): string[] | undefined {
  const search = (chain: readonly string[], next: readonly string[], seen: Set<string>): string[] | undefined => {
    for (const name of next) {
      if (name === service) return [...chain, name];
      if (seen.has(name)) continue;
      seen.add(name);
      const found = search([...chain, name], findService(name)?.refersTo ?? [], seen);
      if (found) return found;
    }
    return undefined;
  };
  return search([service], servicesOf(references), new Set());
}
