import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../apps/config-authority/src/main.ts', import.meta.url));

/** The authority as users run it: a process of its own. */
export interface AuthorityProcess {
  /** All that it wrote so far. */
  readonly output: string;
  /** Resolves when it has said that it is up. */
  readonly up: Promise<void>;
  /** Ends it and resolves with its exit code; null where the signal killed it. */
  end(signal: 'SIGTERM' | 'SIGKILL' | 'SIGINT'): Promise<number | null>;
  readonly exit: Promise<number | null>;
  /** Tells it to read its sources again. */
  hangUp(): void;
}

export function spawnAuthority(environment: Record<string, string>, args: readonly string[] = []): AuthorityProcess {
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH ?? '', SETPOINT_HTTP_PORT: '0', SETPOINT_LOG_FORMAT: 'json', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const up = Promise.withResolvers<void>();
  up.promise.catch(() => undefined);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += String(chunk);
      if (output.includes('the authority is up')) up.resolve();
    });
  }
  const exit = once(child, 'close').then(([code]) => {
    up.reject(new Error(`the authority ended before it was up:\n${output}`));
    return code as number | null;
  });
  return {
    get output() {
      return output;
    },
    up: up.promise,
    exit,
    hangUp: () => void child.kill('SIGHUP'),
    end(signal) {
      child.kill(signal);
      return exit;
    },
  };
}
