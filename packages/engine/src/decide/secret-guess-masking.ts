import type { Fault, Pointer, Rewrite } from '@setpoint/protocol';
import { leavesOf, placesOf } from '../document/leaf-settings.ts';
import { readMergePatch } from '../layer/overrides.ts';
import type { SecretTest } from '../schema/redact.ts';
import type { VersionRecord } from '../store/store.ts';

/**
 * The secrets that a validation speaks of. Whoever may only read may ask for one: an answer that differed by whether a
 * secret is what was asked with would tell them when a guess is right.
 */
export function guessedSecrets(
  { patch, values }: Pick<Extract<Rewrite, { op: 'validate' }>, 'patch' | 'values'>,
  isSecret: SecretTest,
): Pointer[] {
  const { set } = values ? { set: [{ pointer: '', value: values }] } : readMergePatch(patch ?? {});
  return set.flatMap(({ pointer, value = null }) => placesOf(leavesOf(value, pointer))).filter(isSecret);
}

/** What would change, with every secret that was asked with and is not hidden, whether it is another one or not. */
export function maskGuesses(
  record: VersionRecord,
  guessed: readonly Pointer[],
  hidden: readonly Pick<Fault, 'pointer'>[],
): VersionRecord {
  if (guessed.length === 0) return record;
  const [isGuessed, isHidden] = [new Set(guessed), new Set(hidden.map(({ pointer }) => pointer))];
  const changed = record.changed.filter((pointer) => !isGuessed.has(pointer));
  return { ...record, changed: [...changed, ...guessed.filter((pointer) => !isHidden.has(pointer))] };
}
