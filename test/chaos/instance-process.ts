import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Sight } from './witness.ts';

const main = fileURLToPath(new URL('./service-process.ts', import.meta.url));

/** Starts an instance as a process; returns what ends it with `kill -9`. What it says after that is not told. */
export function startInstanceProcess(args: readonly string[], saw: (sight: Sight) => void): () => Promise<void> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let isDead = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!isDead) saw(JSON.parse(line) as Sight);
  });
  const exit = once(child, 'exit');
  return async () => {
    isDead = true;
    child.kill('SIGKILL');
    await exit;
  };
}
