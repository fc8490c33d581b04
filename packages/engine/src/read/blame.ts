import type { Blame, JsonValue, Pointer } from '@setpoint/protocol';
import { leavesOf } from '../document/leaf-settings.ts';
import { createOverlapTest } from '../document/overlap.ts';
import type { VersionSummary } from '../store/store.ts';

/**
 * For every setting in `value`, which stands at `at`: the newest version that changed it. `history` comes newest first
 * and is read as far as needed; what is older than all that is kept is said of the oldest that is.
 */
export async function blame(
  value: JsonValue,
  at: Pointer,
  history: AsyncIterable<VersionSummary>,
): Promise<readonly Blame[]> {
  const found = new Map<Pointer, Blame>();
  const order = leavesOf(value, at).map(({ pointer }) => pointer);
  let open = order;
  let oldest: VersionSummary | undefined;
  for await (const summary of history) {
    oldest = summary;
    const isTouched = createOverlapTest(summary.changed);
    for (const pointer of open) if (isTouched(pointer)) found.set(pointer, toBlame(pointer, summary));
    open = open.filter((pointer) => !found.has(pointer));
    if (open.length === 0) break;
  }
  return order.flatMap((pointer) => found.get(pointer) ?? (oldest ? toBlame(pointer, oldest) : []));
}

const toBlame = (pointer: Pointer, { snapshot }: VersionSummary): Blame => {
  const { version, author, reason, committedAt } = snapshot;
  return { pointer, version, author, reason, committedAt };
};
