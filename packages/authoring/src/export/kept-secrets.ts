import type { PresentDocument } from '@setpoint/engine';
import { redactDocument } from '@setpoint/engine/internal';
import {
  appendToken,
  type Fault,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  mask,
  type Pointer,
  stringifySorted,
} from '@setpoint/protocol';

/** A present value, and how an export shows it. */
interface Present {
  readonly value: JsonValue;
  readonly shown: JsonValue;
}

/** The document with the present secret in place of every marker; a marker where there is none is a fault. */
export function keepSecrets(
  document: JsonObject,
  { values, secrets }: PresentDocument,
): { readonly values: JsonObject; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];

  function keep(value: JsonValue, present: Present | undefined, at: Pointer): JsonValue {
    if (value === mask) return present?.shown === mask ? present.value : refuse(value, present, at);
    if (Array.isArray(value)) return keepInList(value, present, at);
    if (!isJsonObject(value)) return value;
    const members = Object.entries(value).map(([key, member]) => [
      key,
      keep(member, presentMember(present, key), appendToken(at, key)),
    ]);
    return Object.fromEntries(members);
  }

  function keepInList(list: readonly JsonValue[], present: Present | undefined, at: Pointer): JsonValue {
    if (!list.some(hasMarker)) return list;
    const pairs = pairItems(list, presentItems(present));
    return list.map((item, index) => keep(item, pairs[index], appendToken(at, index)));
  }

  function refuse(value: JsonValue, present: Present | undefined, pointer: Pointer): JsonValue {
    const message =
      present === undefined
        ? 'keeps a present secret, and there is none here that is certainly meant; write the secret itself'
        : 'keeps a present secret, and what is here now is none; write the value itself';
    faults.push({ pointer, message });
    return value;
  }

  const kept = keep(document, { value: values, shown: redactDocument(values, secrets) }, '');
  return { values: kept as JsonObject, faults };
}

const hasMarker = (value: JsonValue): boolean =>
  value === mask || (typeof value === 'object' && value !== null && Object.values(value).some(hasMarker));

/** All of a secret section is secret. */
function presentMember(present: Present | undefined, key: string): Present | undefined {
  if (!present || !isJsonObject(present.value) || !Object.hasOwn(present.value, key)) return undefined;
  const value = present.value[key] as JsonValue;
  const shown = isJsonObject(present.shown) ? (present.shown[key] as JsonValue) : mask;
  return { value, shown };
}

function presentItems(present: Present | undefined): Present[] {
  if (!present || !Array.isArray(present.value)) return [];
  const { shown } = present;
  return present.value.map((value: JsonValue, index) => ({
    value,
    shown: Array.isArray(shown) ? (shown[index] as JsonValue) : mask,
  }));
}

/**
 * Which present item each item of a list was. Those that look alike are paired in their order where there are as many of
 * them as before; then, where one is left on both sides, these two. Nobody gets the secret of another by its number.
 */
function pairItems(list: readonly JsonValue[], present: readonly Present[]): (Present | undefined)[] {
  const pairs: (Present | undefined)[] = list.map(() => undefined);
  const before = Map.groupBy(present, ({ shown }) => stringifySorted(shown));
  const after = Map.groupBy(list.keys(), (index) => stringifySorted(list[index] as JsonValue));
  const left = { present: new Set(present), list: new Set(list.keys()) };
  for (const [look, indices] of after) {
    const alike = before.get(look) ?? [];
    if (alike.length !== indices.length) continue;
    for (const [i, index] of indices.entries()) {
      const item = alike[i] as Present;
      pairs[index] = item;
      left.present.delete(item);
      left.list.delete(index);
    }
  }
  const [index, item] = [[...left.list], [...left.present]];
  if (index.length === 1 && item.length === 1) pairs[index[0] as number] = item[0];
  return pairs;
}
