import { type Explanation, type JsonValue, type Pointer, parsePointer } from '@setpoint/protocol';
import { createOriginOf, originText } from '../export/origin-text.ts';
import type { SettingRow } from './settings.ts';

/**
 * Every setting of a service as Markdown, a table for each section. With `explanation` it says where each value comes from.
 * @example
 * const markdown = writeDocs('vad', describeSettings(compileSchema(schema)));
 */
export function writeDocs(service: string, rows: readonly SettingRow[], explanation?: readonly Explanation[]): string {
  const originOf = explanation && createOriginOf(explanation);
  const settings = rows.filter(({ isSection }) => !isSection);
  const inNone = settings.filter((row) => sectionName(row) === '');
  const inSome = settings.filter((row) => sectionName(row) !== '');
  const sections = Map.groupBy([...inNone, ...inSome], sectionName);
  const parts = [...sections].map(([name, members]) => {
    const about = rows.find(({ pointer, isSection }) => isSection && pointer === `/${name}`);
    return sectionLines(name, about, members, originOf);
  });
  const intro = [
    `# Settings of ${inline(service)}`,
    '',
    'A setting that is *live* is taken over by a running process at once; others with its next start. `*` in a place ' +
      'stands for any item of a list, or any name.',
  ];
  return `${[intro, ...parts].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** The name of the section at the top that a setting stands in; empty for one that stands in none. */
function sectionName({ pointer }: SettingRow): string {
  const end = pointer.indexOf('/', 1);
  return end === -1 ? '' : pointer.slice(1, end);
}

type OriginOf = (pointer: Pointer) => Explanation | undefined;

function sectionLines(
  name: string,
  about: SettingRow | undefined,
  settings: readonly SettingRow[],
  originOf: OriginOf | undefined,
): string[] {
  const head = ['Setting', 'Type', 'Default', 'Bounds', 'Takes effect', 'Description', 'Example'];
  const titles = originOf ? [...head, 'Origin'] : head;
  const title = name === '' ? 'General' : inline(parsePointer(`/${name}`).join());
  const description = about?.description === undefined ? [] : [inline(about.description), ''];
  return [
    `## ${title}`,
    '',
    ...description,
    line(titles),
    line(titles.map(() => '---')),
    ...settings.map((row) => line(cellsOf(row, originOf))),
  ];
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function cellsOf(row: SettingRow, originOf: OriginOf | undefined): string[] {
  const origin = originOf?.(row.pointer);
  const notes = [row.required ? 'required' : '', row.secret ? 'secret' : '', row.deprecated ? 'deprecated' : ''];
  const remarks = notes.filter((note) => note !== '').map((note) => `*${note}*`);
  return [
    code(row.pointer),
    inline(row.type),
    valueCell(row.default),
    inline(row.bounds),
    row.hot ? 'live' : 'restart',
    [...remarks, inline(row.description ?? '')].filter((text) => text !== '').join(' '),
    valueCell(row.example),
    ...(originOf ? [origin ? inline(originText(origin)) : ''] : []),
  ];
}

const valueCell = (value: JsonValue | undefined): string => (value === undefined ? '' : code(JSON.stringify(value)));

/** On one line, and nothing in it that Markdown or HTML reads as its own. */
const inline = (text: string): string =>
  oneLine(text)
    .replace(/[\\`*_[\]|~]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;');

/** Code has no escapes, so its fence is longer than any in it; a table's bar is escaped also there. */
function code(text: string): string {
  const plain = oneLine(text).replaceAll('|', '\\|');
  const longest = Math.max(0, ...[...plain.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  const gap = longest > 0 ? ' ' : '';
  return `${fence}${gap}${plain}${gap}${fence}`;
}

const oneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
