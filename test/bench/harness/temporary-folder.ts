import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of our own, gone with the stack. */
export async function openTemporaryFolder(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'setpoint-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
