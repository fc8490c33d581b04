import { type JsonValue, type Pointer, parsePointer, SetpointError } from '@setpoint/protocol';
import { z } from 'zod';
import type { Overlay } from '../configuration/overlay.ts';
import { maskSecrets } from '../configuration/refusal.ts';
import type { Policy } from './policy.ts';
import { schemaAt } from './schema-places.ts';

/**
 * Checks the values that this machine puts into documents, each against the schema of its place. If the schema does not
 * decide a place by itself, the first document does.
 * @throws SetpointError `options_invalid` with every fault
 */
export function checkPolicyValues({ bootDefaults, overrides }: Policy, schema: z.ZodType): void {
  const faults = [
    ...findFaults(bootDefaults, schema).map((message) => ({ pointer: '/boot', message })),
    ...findFaults(overrides, schema).map((message) => ({ pointer: '/overrides', message })),
  ];
  if (faults.length === 0) return;
  const text = faults.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`).join('; ');
  const error = new SetpointError('options_invalid', `connect was called with wrong options: ${text}`, { faults });
  // Which of the values are secret is not known before the first document, so all of them are masked.
  const own = Object.fromEntries([...bootDefaults, ...overrides].map(([, value], index) => [`${index}`, value]));
  throw maskSecrets(error, [{ values: own, secrets: Object.keys(own).map((index) => `/${index}`) }]);
}

const findFaults = (values: Overlay, schema: z.ZodType): string[] =>
  [...values].flatMap(([pointer, value]) => findFault(schema, pointer, value) ?? []);

function findFault(schema: z.ZodType, pointer: Pointer, value: JsonValue): string | undefined {
  const place = schemaAt(schema, parsePointer(pointer));
  if (place === undefined) return undefined;
  if (place === 'in a list') return `${pointer} is in a list, which may be shorter or missing; name the whole list`;
  try {
    const { success, error } = z.safeParse(place, value);
    return success ? undefined : `${pointer} ${error.issues.map(({ message }) => message).join(', ')}`;
  } catch {
    // The schema is asynchronous or throws; the first document decides.
    return undefined;
  }
}
