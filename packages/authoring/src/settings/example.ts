import type { CompiledSchema } from '@setpoint/engine';
import { placesAround } from '@setpoint/engine/internal';
import {
  appendToken,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
  parsePointer,
} from '@setpoint/protocol';
import { yamlLines, yamlText } from '../export/yaml-text.ts';
import { sampleOf } from './sample.ts';
import { describeSettings, type SettingRow } from './settings.ts';

/**
 * A document with every setting, as YAML with comments that say what is allowed. It is valid, unless a setting needs what
 * can't be derived (a pattern, a condition): then a comment at the top names it.
 * @example
 * const yaml = writeExample('vad', compileSchema(schema));
 */
export function writeExample(service: string, schema: CompiledSchema): string {
  const sample = sampleOf(schema.shape);
  const document = mend(isJsonObject(sample) ? sample : {}, schema);
  const rows = describeSettings(schema);
  const open = [
    ...new Set(
      (schema.evaluate(document)?.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`),
    ),
  ];
  const lines = [
    `# An example of ${service}: every setting with its default or a value that may stand there.`,
    '# Keep what you change, and delete the rest: what is left out has its default.',
    ...(open.length === 0 ? [] : ['#', '# Still to be filled in:', ...open.map((fault) => `#   ${oneLine(fault)}`)]),
    ...sectionLines(document, '', new Map(rows.map((row) => [row.pointer, row]))),
  ];
  return `${lines.join('\n')}\n`;
}

/** Takes out what is wrong, as long as that makes less wrong. */
function mend(document: JsonObject, schema: CompiledSchema): JsonObject {
  for (let here = document; ; ) {
    const better = findBetter(here, schema);
    if (!better) return here;
    here = better;
  }
}

function findBetter(document: JsonObject, { evaluate }: CompiledSchema): JsonObject | undefined {
  const faults = evaluate(document)?.errors ?? [];
  const places = new Set(faults.flatMap(({ instancePath }) => [instancePath, ...placesAround(instancePath)]));
  places.delete('');
  for (const place of places) {
    const without = removeAt(document, parsePointer(place)) as JsonObject;
    const left = evaluate(without)?.errors;
    if (left && left.length < faults.length) return without;
  }
  return undefined;
}

function removeAt(value: JsonValue, [token, ...rest]: readonly string[]): JsonValue {
  if (token === undefined || typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, member]): [string, JsonValue][] => {
    if (key !== token) return [[key, member]];
    return rest.length === 0 ? [] : [[key, removeAt(member, rest)]];
  });
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

function sectionLines(section: JsonObject, at: Pointer, rows: ReadonlyMap<Pointer, SettingRow>): string[] {
  const missing = [...rows.values()].filter(
    ({ pointer }) => placesAround(pointer)[0] === at && !pointer.endsWith('/*') && !isIn(section, pointer),
  );
  return [
    ...Object.entries(section).flatMap(([key, value]) => {
      const pointer = appendToken(at, key);
      return ['', ...comments(rows.get(pointer)), ...memberLines(key, value, pointer, rows)];
    }),
    ...missing.flatMap((row) => ['', ...comments(row), `# ${yamlText(parsePointer(row.pointer).at(-1) ?? '')}:`]),
  ];
}

const isIn = (section: JsonObject, pointer: Pointer): boolean =>
  Object.hasOwn(section, parsePointer(pointer).at(-1) ?? '');

function memberLines(
  key: string,
  value: JsonValue,
  pointer: Pointer,
  rows: ReadonlyMap<Pointer, SettingRow>,
): string[] {
  const hasRows = isJsonObject(value) && Object.keys(value).some((name) => rows.has(appendToken(pointer, name)));
  if (!hasRows) return yamlLines({ [key]: value });
  const inner = sectionLines(value, pointer, rows).map((line) => (line === '' ? '' : `  ${line}`));
  // The first setting of a section follows its name at once.
  return [`${yamlText(key)}:`, ...(inner[0] === '' ? inner.slice(1) : inner)];
}

function comments(row: SettingRow | undefined): string[] {
  if (!row) return [];
  const facts = [
    row.isSection ? '' : row.type,
    row.bounds,
    row.required ? 'required' : '',
    row.secret ? 'secret' : '',
    row.hot ? '' : 'takes a restart',
    row.deprecated ? 'deprecated' : '',
  ].filter((fact) => fact !== '');
  return [
    ...(row.description === undefined ? [] : [row.description]),
    ...(facts.length === 0 ? [] : [facts.join('; ')]),
  ]
    .map(oneLine)
    .map((text) => `# ${text}`);
}

/** Descriptions come from elsewhere: none of them ends a comment. */
const oneLine = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff\ufffe\uffff]+/gu, ' ')
    .trim();
