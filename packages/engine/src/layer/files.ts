import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Fault } from '@setpoint/protocol';
import type { CompiledSchema } from '../schema/schema.ts';
import { interpolate, type Variables } from './interpolate.ts';
import type { Layer, Place } from './layer.ts';
import { documentOf, locateIn, mergePlaced, type Placed, type PlacedSection } from './source-positions.ts';
import type { PlacedFile } from './yaml-file.ts';

export interface GatheredFiles {
  /** As they are written, lowest first: what is included goes beneath what includes it, each once. */
  readonly roots: readonly PlacedSection[];
  /** All that was looked for, found or not. */
  readonly files: readonly string[];
  readonly faults: readonly Fault[];
}

/** A file that may not be read. */
export interface RefusedFile {
  readonly kind: 'refused';
  readonly message: string;
}

/** Resolves with undefined for what is not there. */
export type ReadPlaced = (file: string) => Promise<PlacedFile | RefusedFile | undefined>;

/**
 * Reads these files, in order, with all the files that they include, each once.
 * @example
 * const { roots, faults } = await gatherFiles(['config/vad.yaml'], async (file) =>
 *   parsePlaced(await readFile(file, 'utf8'), file),
 * );
 */
export async function gatherFiles(entries: readonly string[], read: ReadPlaced): Promise<GatheredFiles> {
  const roots: PlacedSection[] = [];
  const faults: Fault[] = [];
  const seen = new Set<string>();

  async function visit(file: string, chain: readonly string[], from?: Place): Promise<void> {
    const id = resolve(file);
    const refuse = (message: string): number => faults.push({ pointer: '/includes', message, ...from });
    const start = chain.map((each) => resolve(each)).indexOf(id);
    if (start >= 0) return void refuse(`files include one another: ${[...chain.slice(start), file].join(' → ')}`);
    if (seen.has(id)) return;
    seen.add(id);
    const parsed = await read(file);
    if (!parsed) return void (from && refuse(`includes ${file}, which there is not`));
    if (parsed.kind === 'refused') {
      const place = from ?? { file, line: 1 };
      return void faults.push({ pointer: from ? '/includes' : '', message: parsed.message, ...place });
    }
    if (parsed.kind === 'faults') return void faults.push(...parsed.faults);
    const { root, includes } = takeIncludes(parsed.root);
    if (includes === undefined) {
      const { place } = parsed.root.members.get('includes') as Placed;
      faults.push({ pointer: '/includes', message: 'must be a list of files', expected: 'a list of files', ...place });
    }
    for (const { name, place } of includes ?? []) await visit(beside(file, name), [...chain, file], place);
    roots.push(root);
  }

  for (const entry of entries) await visit(entry, []);
  return { roots, files: [...seen], faults };
}

const beside = (file: string, name: string): string => (isAbsolute(name) ? name : join(dirname(file), name));

interface Include {
  readonly name: string;
  readonly place: Place;
}

/** The section without its `includes`, and these; undefined where they are none. */
function takeIncludes(root: PlacedSection): { root: PlacedSection; includes: readonly Include[] | undefined } {
  const given = root.members.get('includes');
  if (!given) return { root, includes: [] };
  const members = new Map([...root.members].filter(([name]) => name !== 'includes'));
  const items = given.kind === 'list' ? given.items : [given];
  const includes = items.flatMap((item) =>
    item.kind === 'scalar' && typeof item.value === 'string' ? [{ name: item.value, place: item.place }] : [],
  );
  return { root: { ...root, members }, includes: includes.length === items.length ? includes : undefined };
}

export interface LayFilesOptions {
  readonly service: string;
  /** How the author of a version is named. */
  readonly author: string;
  /** The schemas that say which type a value has, and which lists merge. */
  readonly schemas: readonly CompiledSchema[];
  readonly variables: Variables;
}

/**
 * Merges files into one layer, the lowest first, and puts variables in their place.
 * @example
 * const layer = layFiles([root], { service: 'vad', author: 'file:vad.yaml', schemas: [schema], variables });
 */
export function layFiles(
  [lowest, ...higher]: readonly [PlacedSection, ...PlacedSection[]],
  { service, author, schemas, variables }: LayFilesOptions,
): Layer {
  const shapes = schemas.map(({ shape }) => shape);
  const merged = higher.reduce<Placed>((lower, upper) => mergePlaced(lower, upper, shapes), lowest) as PlacedSection;
  const { root, references, faults } = interpolate(merged, { service, shapes, variables });
  return {
    name: 'yaml_file',
    document: documentOf(root),
    author,
    locate: (pointer) => locateIn(root, pointer),
    ...(references.length > 0 && { references }),
    ...(faults.length > 0 && { faults }),
  };
}
