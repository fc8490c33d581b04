import {
  appendToken,
  type Fault,
  isJsonObject,
  isWithin,
  type JsonObject,
  type JsonValue,
  type Pointer,
  readPointer,
} from '@setpoint/protocol';
import type { CompiledSchema } from '../schema/schema.ts';
import type { Shape } from '../schema/shape.ts';
import { placeFault } from '../schema/validate.ts';
import type { Layer, Place, SourceName } from './layer.ts';
import { writeSettings } from './overrides.ts';
import { readText } from './read-text.ts';
import { membersNamed } from './source-positions.ts';

/** A setting as the environment or an argument gives it: a text, at a name. */
export interface NamedText {
  /** The names on the way to it. */
  readonly path: readonly string[];
  /** Letters of either case, and "-" and "_", are the same in the names. */
  readonly isLoose: boolean;
  readonly text: string;
  readonly place: Place;
}

export interface LayTextsOptions {
  readonly name: SourceName;
  readonly author: string;
  readonly schemas: readonly CompiledSchema[];
  /** Where names may come from besides the schemas. */
  readonly beneath: JsonObject;
}

/**
 * A layer of texts, such as environment variables. Each is read by the type that the schemas give its place; a text that is
 * not of that type stays a text, and validation reports it. Returns undefined for no texts.
 */
export function layTexts(texts: readonly NamedText[], options: LayTextsOptions): Layer | undefined {
  if (texts.length === 0) return undefined;
  const { name, author } = options;
  const read = texts.map((text) => readNamed(text, options));
  const settings = read.flatMap((one) => ('fault' in one ? [] : [one])).sort(byDepth);
  const faults = [...read.flatMap((one) => ('fault' in one ? [one.fault] : [])), ...findRepeated(settings)];
  const locate: Layer['locate'] = (pointer) =>
    settings.findLast((setting) => isWithin(pointer, setting.pointer))?.place;
  return { name, document: writeSettings({}, settings), author, locate, ...(faults.length > 0 && { faults }) };
}

interface PlacedSetting {
  readonly pointer: Pointer;
  readonly value: JsonValue;
  readonly place: Place;
}

const byDepth = (a: PlacedSetting, b: PlacedSetting): number => depthOf(a) - depthOf(b);
const depthOf = ({ pointer }: PlacedSetting): number => pointer.split('/').length;

const tell = (fault: Fault, place: Place): { readonly fault: Fault } => ({ fault: placeFault(fault, () => place) });

function readNamed(
  { path, isLoose, text, place }: NamedText,
  { schemas, beneath }: LayTextsOptions,
): PlacedSetting | { readonly fault: Fault } {
  if (path.length === 0 || path.some((name) => name === '' || name === '__proto__')) {
    return tell({ pointer: '', message: 'names no setting' }, place);
  }
  let shapes: readonly Shape[] = schemas.map(({ shape }) => shape);
  let pointer = '';
  for (const given of path) {
    const names = isLoose ? findNames(given, shapes, readPointer(beneath, pointer)) : [given];
    const [name = given, ...others] = names;
    if (others.length > 0) {
      const listed = names.map((each) => JSON.stringify(each)).join(', ');
      return tell({ pointer: '', message: `may mean any of ${listed}` }, place);
    }
    shapes = membersNamed(shapes, name);
    pointer = appendToken(pointer, name);
  }
  const value = readText(text, shapes);
  // One that is none of what is allowed stays as it is, for validation to tell. Null is a value.
  return { pointer, value: value === undefined ? text : value, place };
}

const fold = (name: string): string => name.toLowerCase().replaceAll('-', '_');
const squeeze = (name: string): string => fold(name).replaceAll('_', '');

/** The names that are meant: one that is the same, or else those that are the same but for case, "-" and "_". */
function findNames(given: string, shapes: readonly Shape[], beneath: JsonValue | undefined): string[] {
  const known = [
    ...new Set([...shapes.flatMap(({ names }) => names), ...(isJsonObject(beneath) ? Object.keys(beneath) : [])]),
  ];
  if (known.includes(given)) return [given];
  for (const form of [fold, squeeze]) {
    const same = known.filter((name) => form(name) === form(given));
    if (same.length > 0) return same;
  }
  return [given === given.toUpperCase() ? given.toLowerCase() : given];
}

function findRepeated(settings: readonly PlacedSetting[]): Fault[] {
  const byPlace = Map.groupBy(settings, ({ pointer }) => pointer);
  return [...byPlace].flatMap(([, [first, second]]) =>
    first && second
      ? [tell({ pointer: '', message: `is also given by ${first.place.name}; keep one of them` }, second.place).fault]
      : [],
  );
}
