import { convert, readQuantity, unitOfName } from '@setpoint/engine/internal';
import { isEqualJson, isJsonObject, type JsonObject, type JsonValue } from '@setpoint/protocol';
import { findNearName } from '@setpoint/protocol/internal';

/** What a schema says about a value that it refuses. */
export interface Wanted {
  /** The name that the value stands under; it may end with a unit. */
  readonly name: string;
  /** What the schema says of the place, alternatives too. */
  readonly parts: readonly JsonObject[];
  /** The same for an item of it. */
  readonly itemParts: readonly JsonObject[];
  /** Also pull numbers into their bounds. */
  readonly clamp: boolean;
}

/** Values that may have been meant, the likeliest first. Which of them is valid is not looked at. */
export function repairsOf(value: JsonValue, wanted: Wanted): JsonValue[] {
  const types = typesOf(wanted.parts);
  const made = [
    ...choicesNear(value, wanted.parts),
    ...(types.has('number') || types.has('integer') ? numbersIn(value, wanted) : []),
    ...(types.has('boolean') ? booleansIn(value) : []),
    ...(types.has('array') ? listsIn(value, wanted) : []),
    ...(types.has('object') ? sectionsIn(value) : []),
    ...(types.has('null') ? nullIn(value) : []),
    ...(types.has('string') ? textsIn(value) : []),
    ...(Array.isArray(value) && value.length === 1 ? [value[0] as JsonValue] : []),
    ...(value === null ? defaultsOf(wanted.parts) : []),
    ...(wanted.clamp && typeof value === 'number' ? clamped(value, wanted.parts) : []),
  ];
  return made.filter((one, i) => !isEqualJson(one, value) && made.findIndex((other) => isEqualJson(one, other)) === i);
}

const list = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);

const choicesOf = (parts: readonly JsonObject[]): JsonValue[] =>
  parts.flatMap((part) => [...list(part.enum), ...(part.const === undefined ? [] : [part.const])]);

function typesOf(parts: readonly JsonObject[]): ReadonlySet<string> {
  const named = parts.flatMap(({ type }) => (typeof type === 'string' ? [type] : (list(type) as string[])));
  const implied = choicesOf(parts).map((choice) => (choice === null ? 'null' : typeof choice));
  return new Set([...named, ...implied]);
}

const defaultsOf = (parts: readonly JsonObject[]): JsonValue[] =>
  parts.flatMap((part) => (part.default === undefined ? [] : [part.default]));

/** One of the allowed values in another case, with other separators, or misspelt. */
function choicesNear(value: JsonValue, parts: readonly JsonObject[]): JsonValue[] {
  const choices = choicesOf(parts);
  if (choices.length === 0 || typeof value === 'object') return [];
  const plain = (text: JsonValue): string =>
    String(text)
      .trim()
      .toLowerCase()
      .replace(/[\s_-]+/g, '');
  const same = choices.filter((choice) => plain(choice) === plain(value));
  const texts = choices.filter((choice) => typeof choice === 'string');
  const near = typeof value === 'string' ? findNearName(value.trim(), texts) : undefined;
  return [...same, ...(near === undefined ? [] : [near])];
}

function numbersIn(value: JsonValue, { name, parts }: Wanted): number[] {
  if (typeof value === 'boolean') return [Number(value)];
  if (typeof value !== 'string') return [];
  const text = value.trim();
  const plain = [text, text.replace(/(?<=\d)[_' ](?=\d)/g, ''), withoutThousands(text), text.replace(',', '.')];
  const numbers = plain.filter((one) => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|^0x[\da-f]+$/i.test(one)).map(Number);
  return [...numbers, ...amountsIn(text, name, parts)];
}

const withoutThousands = (text: string): string =>
  /^[1-9]\d{0,2}(,\d{3})+$/.test(text) ? text.replaceAll(',', '') : text;

/** "5s" under `timeoutMs` is 5000. Where nothing says in which unit the setting is, the number is left as it is. */
function amountsIn(text: string, name: string, parts: readonly JsonObject[]): number[] {
  const quantity = readQuantity(text);
  if (!quantity) return [];
  const said = parts.map((part) => part['x-unit']).find((unit) => typeof unit === 'string');
  const unit = said ?? unitOfName(name) ?? (quantity.unit === '%' ? shareUnit(parts) : undefined);
  const converted = unit === undefined ? quantity.amount : convert(quantity, unit);
  return converted === undefined ? [] : [converted];
}

/** A share that ends at 1 is a ratio. */
const shareUnit = (parts: readonly JsonObject[]): string =>
  parts.some(({ maximum }) => maximum === 1) ? 'ratio' : '%';

const yes = new Set(['true', 'yes', 'y', 'on', 'enabled', 'enable', '1', 't']);
const no = new Set(['false', 'no', 'n', 'off', 'disabled', 'disable', '0', 'f']);

function booleansIn(value: JsonValue): boolean[] {
  if (typeof value !== 'string' && typeof value !== 'number') return [];
  const word = String(value).trim().toLowerCase();
  return yes.has(word) ? [true] : no.has(word) ? [false] : [];
}

const nullIn = (value: JsonValue): null[] =>
  typeof value === 'string' && /^\s*(null|none|nil|~|)\s*$/i.test(value) ? [null] : [];

function textsIn(value: JsonValue): string[] {
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  if (Array.isArray(value))
    return value.every((item) => typeof item === 'string') ? [value.join(','), value.join(' ')] : [];
  if (typeof value !== 'string') return [];
  const text = value.trim();
  return [
    text,
    text.toLowerCase(),
    text.toUpperCase(),
    text.toLowerCase().replace(/[\s_]+/g, '-'),
    ...(/^[\w.-]+(:\d+)?(\/|$)/.test(text) ? [`http://${text}`] : []),
  ];
}

function listsIn(value: JsonValue, { itemParts, ...wanted }: Wanted): JsonValue[] {
  if (Array.isArray(value)) return listsOfItems(value, { ...wanted, itemParts });
  if (typeof value === 'string') {
    const parsed = parseJson(value);
    const split = value.split(value.includes(',') ? /\s*,\s*/ : /\s+/).filter((item) => item !== '');
    return [
      ...(Array.isArray(parsed) ? [parsed] : []),
      ...(value.includes(',') ? [eachRepaired(split, itemParts, wanted)] : []),
      [value],
      eachRepaired(split, itemParts, wanted),
    ];
  }
  if (!isJsonObject(value)) return value === null ? [] : [[value], eachRepaired([value], itemParts, wanted)];
  const keys = Object.keys(value);
  const isNumbered = keys.length > 0 && keys.every((key, i) => key === String(i));
  return [...(isNumbered ? [Object.values(value)] : []), [value]];
}

/** A list that is one already may repeat itself. */
const listsOfItems = (items: readonly JsonValue[], { parts }: Wanted): JsonValue[] =>
  parts.some(({ uniqueItems }) => uniqueItems === true)
    ? [items.filter((item, i) => items.findIndex((other) => isEqualJson(item, other)) === i)]
    : [];

function eachRepaired(
  items: readonly JsonValue[],
  parts: readonly JsonObject[],
  wanted: Omit<Wanted, 'itemParts'>,
): JsonValue {
  const types = typesOf(parts);
  if (types.size === 0 || types.has('string')) return items.map((item) => (types.has('string') ? String(item) : item));
  return items.map((item) => repairsOf(item, { ...wanted, parts, itemParts: [] })[0] ?? item);
}

function sectionsIn(value: JsonValue): JsonValue[] {
  const parsed = typeof value === 'string' ? parseJson(value) : value;
  if (isJsonObject(parsed)) return [parsed];
  if (!Array.isArray(parsed)) return [];
  // A list of "NAME=value", or of sections with a name and a value.
  const pairs = parsed.map((item) => (typeof item === 'string' ? readPair(item) : readNamed(item)));
  return pairs.length > 0 && pairs.every((pair) => pair !== undefined) ? [Object.fromEntries(pairs)] : [];
}

function readPair(text: string): [string, JsonValue] | undefined {
  const at = text.indexOf('=');
  return at > 0 ? [text.slice(0, at).trim(), text.slice(at + 1).trim()] : undefined;
}

function readNamed(item: JsonValue): [string, JsonValue] | undefined {
  if (!isJsonObject(item) || Object.keys(item).length !== 2) return undefined;
  const name = item.name ?? item.key;
  return typeof name === 'string' && item.value !== undefined ? [name, item.value] : undefined;
}

function parseJson(text: string): JsonValue | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The nearest number that the bounds allow. */
function clamped(value: number, parts: readonly JsonObject[]): number[] {
  const limits = (keyword: string): number[] =>
    parts.map((part) => part[keyword]).filter((one) => typeof one === 'number');
  const isWhole = parts.some(({ type }) => type === 'integer');
  const [step] = limits('multipleOf');
  const inner = isWhole ? 1 : undefined;
  const bounded = [
    ...limits('minimum').filter((least) => value < least),
    ...limits('maximum').filter((most) => value > most),
    ...limits('exclusiveMinimum').flatMap((least) => (value <= least && inner ? [least + inner] : [])),
    ...limits('exclusiveMaximum').flatMap((most) => (value >= most && inner ? [most - inner] : [])),
  ];
  const whole = isWhole ? [Math.round(value)] : [];
  const stepped =
    step === undefined
      ? []
      : [value, ...bounded].flatMap((one) => [
          toStep(Math.round, one, step),
          toStep(Math.ceil, one, step),
          toStep(Math.floor, one, step),
        ]);
  return [...bounded, ...whole, ...stepped];
}

const toStep = (round: (value: number) => number, value: number, step: number): number =>
  Number((round(value / step) * step).toPrecision(12));
