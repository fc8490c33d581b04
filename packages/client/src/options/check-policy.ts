import { type JsonValue, type Pointer, parsePointer, SetpointError } from '@setpoint/protocol';
import { z } from 'zod';
import type { Overlay } from '../configuration/overlay.ts';
import { maskSecrets } from '../configuration/refusal.ts';
import type { Policy } from './policy.ts';
import { type Definition, insideOf } from './schema-place.ts';

/**
 * Are the values that this machine puts into documents such as the schema takes, and in places that are there? Where the
 * schema does not say it of a place alone, the first document says it.
 * @throws SetpointError `options_invalid` with every fault
 */
export function checkPolicy({ bootDefaults, overrides }: Policy, schema: z.ZodType): void {
  const faults = [
    ...faultsOf(bootDefaults, schema).map((message) => ({ pointer: '/boot', message })),
    ...faultsOf(overrides, schema).map((message) => ({ pointer: '/overrides', message })),
  ];
  if (faults.length === 0) return;
  const text = faults.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`).join('; ');
  const error = new SetpointError('options_invalid', `connect was called with wrong options: ${text}`, { faults });
  // Nobody has said yet which of the values are secret.
  const own = Object.fromEntries([...bootDefaults, ...overrides].map(([, value], index) => [`${index}`, value]));
  throw maskSecrets(error, [{ values: own, secrets: Object.keys(own).map((index) => `/${index}`) }]);
}

const faultsOf = (values: Overlay, schema: z.ZodType): string[] =>
  [...values].flatMap(([pointer, value]) => faultOf(schema, pointer, value) ?? []);

function faultOf(schema: z.ZodType, pointer: Pointer, value: JsonValue): string | undefined {
  const place = placeIn(schema, parsePointer(pointer));
  if (place === undefined) return undefined;
  if (place === 'in a list') return `${pointer} is in a list, which may be shorter, or not there; name the whole list`;
  try {
    const { success, error } = z.safeParse(place, value);
    return success ? undefined : `${pointer} ${error.issues.map(({ message }) => message).join(', ')}`;
  } catch {
    // It asks somebody, which takes time; or it throws, which the document will tell.
    return undefined;
  }
}

/** The schema of one place; undefined where it depends on the document, or on code. */
function placeIn(
  schema: z.core.$ZodType,
  [token, ...rest]: readonly string[],
): z.core.$ZodType | 'in a list' | undefined {
  if (token === undefined) return schema;
  const { type, shape = {}, valueType } = insideOf(schema, 'in')._zod.def as unknown as Definition;
  if (type === 'array' || type === 'tuple') return 'in a list';
  const member = type === 'object' && Object.hasOwn(shape, token) ? shape[token] : undefined;
  const next = member ?? (type === 'record' ? valueType : undefined);
  return next && placeIn(next, rest);
}
