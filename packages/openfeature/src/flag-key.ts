import { parsePointer, SetpointError } from '@setpoint/protocol';

/**
 * The names on the way to a setting. A key is a JSON Pointer where it is empty or starts with "/" ("/vad/threshold"),
 * and a dotted path otherwise ("vad.threshold"); a name with a dot in it can only be written as a pointer.
 * @throws SetpointError `pointer_invalid`
 */
export function parseFlagKey(key: string): string[] {
  if (key === '' || key.startsWith('/')) return parsePointer(key);
  const names = key.split('.');
  if (names.includes('')) {
    throw new SetpointError(
      'pointer_invalid',
      `"${key}" has an empty name between its dots; write it as "a.b", or as a JSON Pointer "/a/b"`,
    );
  }
  return names;
}
