import type { Shape } from '@setpoint/engine/internal';
import type { JsonObject, JsonValue } from '@setpoint/protocol';
import { keyword, typesOf, valuesOf } from './keyword-text.ts';

/**
 * A value that may stand at a place, as far as can be told: an example, the default, or the first that comes to mind.
 * Undefined where none does. Of a secret neither default nor example is shown.
 */
export function sampleOf(shape: Shape, isSecret = false, around: readonly Shape[] = []): JsonValue | undefined {
  if (around.includes(shape)) return undefined;
  const { parts } = shape;
  const secret = isSecret || keyword(parts, 'x-secret') === true;
  const within = [...around, shape];
  // The default of a section is often empty, with defaults for what is in it.
  if (shape.names.length > 0 && keyword(parts, 'examples') === undefined) return sampleSection(shape, secret, within);
  const examples = keyword(parts, 'examples');
  const given = [Array.isArray(examples) ? examples[0] : undefined, keyword(parts, 'default')];
  const known = [...(secret ? [] : given), valuesOf(parts)[0]].find((value) => value !== undefined);
  return known === undefined ? sampleByType(shape, secret, within) : known;
}

function sampleSection(shape: Shape, isSecret: boolean, around: readonly Shape[]): JsonObject {
  const members = shape.names.flatMap((name) => {
    const inner = shape.member(name);
    const value = inner && sampleOf(inner, isSecret, around);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(members);
}

function sampleByType(shape: Shape, isSecret: boolean, around: readonly Shape[]): JsonValue | undefined {
  const { parts } = shape;
  switch (typesOf(parts)[0]) {
    case 'boolean':
      return false;
    case 'integer':
      return sampleNumber(parts, 1);
    case 'number':
      return sampleNumber(parts, 0);
    case 'string':
      return sampleString(parts, isSecret);
    case 'array':
      return sampleList(shape, isSecret, around);
    case 'object':
      return {};
    case 'null':
      return null;
    default:
      return undefined;
  }
}

type Parts = readonly JsonObject[];

const limitsOf = (parts: Parts, name: string): number[] =>
  parts.map((part) => part[name]).filter((limit) => typeof limit === 'number');

/** Zero, or the nearest to it that is allowed. */
function sampleNumber(parts: Parts, step: number): number {
  const [least, above] = [limitsOf(parts, 'minimum'), limitsOf(parts, 'exclusiveMinimum')];
  const [most, below] = [limitsOf(parts, 'maximum'), limitsOf(parts, 'exclusiveMaximum')];
  const multiple = limitsOf(parts, 'multipleOf')[0] ?? step;
  const low = Math.max(...least, ...above);
  const high = Math.min(...most, ...below);
  const gap = multiple === 0 ? Math.min(1, (high - low) / 2) : multiple;
  const lowest = Math.max(...least, ...above.map((limit) => limit + gap));
  const highest = Math.min(...most, ...below.map((limit) => limit - gap));
  const near = Math.min(Math.max(0, lowest), highest);
  if (multiple === 0) return near;
  return (near === highest ? Math.floor(near / multiple) : Math.ceil(near / multiple)) * multiple;
}

const byFormat: Readonly<Record<string, string>> = {
  uri: 'http://127.0.0.1:8080/',
  'uri-reference': '/path',
  url: 'http://127.0.0.1:8080/',
  email: 'somebody@example.org',
  hostname: 'host.example.org',
  ipv4: '127.0.0.1',
  ipv6: '::1',
  date: '2026-06-01',
  time: '12:00:00Z',
  'date-time': '2026-06-01T12:00:00Z',
  duration: 'PT30S',
  uuid: '6f0c2f4e-4d7c-4b5e-9a3e-2f6f5a1c7d10',
  regex: '^a',
  'json-pointer': '/path',
};

/** What is tried against a pattern. */
const common = ['text', 'a', 'A', '1', '0', 'en', 'en-GB', 'aa:bb:cc:dd:ee:ff', '10s', '1.0.0', '/path', 'a/b', 'a.b'];
const words = [
  ...common,
  ...Object.values(byFormat),
  'mqtt://127.0.0.1:1883',
  'tcp://127.0.0.1:80',
  '0 3 * * *',
  '#ffffff',
];

function sampleString(parts: Parts, isSecret: boolean): string | undefined {
  const format = byFormat[String(keyword(parts, 'format'))];
  const patterns = parts.map(({ pattern }) => pattern).filter((pattern) => typeof pattern === 'string');
  const fits = (text: string): boolean => patterns.every((pattern) => new RegExp(pattern, 'u').test(text));
  const first = format ?? (isSecret ? 'replace-me' : undefined);
  return [...(first === undefined ? [] : [first]), ...words].map((text) => fitLength(text, parts)).find(fits);
}

function fitLength(text: string, parts: Parts): string {
  const least = Math.max(0, ...limitsOf(parts, 'minLength'));
  const most = Math.min(Number.POSITIVE_INFINITY, ...limitsOf(parts, 'maxLength'));
  return text.padEnd(least, 'x').slice(0, most);
}

function sampleList(shape: Shape, isSecret: boolean, around: readonly Shape[]): JsonValue[] {
  const least = Math.max(0, ...limitsOf(shape.parts, 'minItems'));
  const items = Array.from({ length: least }, (_, index) => {
    const inner = shape.item(index);
    const value = inner ? sampleOf(inner, isSecret, around) : index;
    return keyword(shape.parts, 'uniqueItems') === true ? anotherOf(value, index, inner) : value;
  });
  return items.filter((item) => item !== undefined);
}

/** For lists that hold nothing twice. */
function anotherOf(value: JsonValue | undefined, index: number, shape: Shape | undefined): JsonValue | undefined {
  const values = shape ? valuesOf(shape.parts) : [];
  if (values.length > 0) return values[index];
  if (typeof value === 'number') return value + index;
  return typeof value === 'string' && index > 0 ? `${value}${index}` : value;
}
