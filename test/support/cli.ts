import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line as users run it: a process of its own, with nothing but this environment. */
export async function runCli(args: readonly string[], environment: Record<string, string>): Promise<CliRun> {
  const child = start(args, environment);
  const [stdout, stderr, [code]] = await Promise.all([read(child.stdout), read(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr };
}

export interface CliWatch {
  /** Resolves with the first line that holds `text`, among those already printed and those to come. */
  line(text: string): Promise<string>;
  readonly lines: readonly string[];
  /** Ends it and resolves with its exit code; null where the signal killed it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Stops reading what it prints, as `head` does when it has enough. */
  closeOutput(): void;
  readonly exit: Promise<number | null>;
}

/** A command that goes on until it is ended. */
export function startCli(args: readonly string[], environment: Record<string, string>): CliWatch {
  const child = start(args, environment);
  const lines: string[] = [];
  let more = Promise.withResolvers<void>();
  if (!child.stdout || !child.stderr) throw new Error('the child has no output');
  child.stderr.resume();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    more.resolve();
    more = Promise.withResolvers<void>();
  });
  const exit = once(child, 'exit').then(([code]): number | null => code);
  return {
    lines,
    exit,
    async line(text) {
      for (;;) {
        const found = lines.find((line) => line.includes(text));
        if (found !== undefined) return found;
        const ended = exit.then((code): never => {
          throw new Error(`it ended with ${code} before it printed "${text}", after:\n${lines.join('\n')}`);
        });
        await Promise.race([more.promise, ended]);
      }
    },
    end(signal) {
      child.kill(signal);
      return exit;
    },
    closeOutput: () => void child.stdout?.destroy(),
  };
}

const start = (args: readonly string[], environment: Record<string, string>): ChildProcess =>
  spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

async function read(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += chunk;
  return text;
}
