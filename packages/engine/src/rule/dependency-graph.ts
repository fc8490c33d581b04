import { isOverlapping, type JsonObject, type JsonValue, type Pointer, readPointer } from '@setpoint/protocol';
import type { CompiledSchema } from '../schema/schema.ts';
import { walkValues } from './walk-values.ts';

/** A place of a service: the whole of it where the pointer is empty. */
export interface Place {
  readonly service: string;
  readonly pointer: Pointer;
}

/** What stands at `from` means something only with what stands at `to`. */
export interface Dependency {
  readonly from: Place;
  readonly to: Place;
}

/** Reads `service`, or `service#/pointer`. */
function parsePlace(text: string): Place {
  const [service = '', pointer = ''] = text.split('#', 2);
  return { service, pointer };
}

export const formatPlace = ({ service, pointer }: Place): string =>
  pointer === '' ? service : `${service}#${pointer}`;

/** What a service depends on: as a whole, and by `x-depends-on` in its schema where the place is there. */
export function findDependencies(
  service: string,
  document: JsonObject,
  schema: CompiledSchema | undefined,
  dependsOn: readonly string[],
): Dependency[] {
  const found = dependsOn.map((to) => ({ from: { service, pointer: '' }, to: parsePlace(to) }));
  if (!schema?.isAnnotated('x-depends-on')) return found;
  walkValues(document, schema.shape, ({ parts, pointer }) => {
    for (const to of parts.flatMap((part) => textsOf(part['x-depends-on']))) {
      found.push({ from: { service, pointer: pointer() }, to: parsePlace(to) });
    }
  });
  return found;
}

const textsOf = (value: JsonValue | undefined): string[] =>
  (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string');

/** Is there no such service, or nothing at that place of it? */
export function isMissing(
  { service, pointer }: Place,
  documentOf: (service: string) => JsonObject | undefined,
): boolean {
  const document = documentOf(service);
  return document === undefined || readPointer(document, pointer) === undefined;
}

/**
 * The ways that lead from a dependency back to where it begins, each as the dependencies along it; one for each of
 * `starts` that lies on such a way. A dependency on a place is one on all in it, and on all around it.
 */
export function findCycles(
  starts: readonly Dependency[],
  dependenciesOf: (service: string) => readonly Dependency[],
): Dependency[][] {
  return starts.flatMap((start) => {
    const way = findWay(start, start.from, dependenciesOf);
    return way ? [way] : [];
  });
}

const meets = (a: Place, b: Place): boolean => a.service === b.service && isOverlapping(a.pointer, b.pointer);

/** The shortest way from a dependency to a place. */
function findWay(
  start: Dependency,
  goal: Place,
  dependenciesOf: (service: string) => readonly Dependency[],
): Dependency[] | undefined {
  const cameFrom = new Map<Dependency, Dependency | undefined>([[start, undefined]]);
  for (const edge of cameFrom.keys()) {
    if (meets(edge.to, goal)) return wayTo(edge, cameFrom);
    for (const next of dependenciesOf(edge.to.service)) {
      if (!cameFrom.has(next) && meets(edge.to, next.from)) cameFrom.set(next, edge);
    }
  }
  return undefined;
}

function wayTo(last: Dependency, cameFrom: ReadonlyMap<Dependency, Dependency | undefined>): Dependency[] {
  const way: Dependency[] = [];
  for (let edge: Dependency | undefined = last; edge; edge = cameFrom.get(edge)) way.unshift(edge);
  return way;
}
