import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A child process that does what it is asked, and tells what happened. */
export interface Part extends AsyncDisposable {
  /** Calls one of the part's functions. */
  call<T = void>(name: string, argument?: unknown): Promise<T>;
  /** Resolves with the first event of this name, told before or later, that `wanted` accepts, and forgets it. */
  take<T>(name: string, wanted?: (value: T) => boolean): Promise<T>;
  end(): Promise<void>;
}

type Call = { readonly id: number; readonly name: string; readonly argument: unknown };
type Told =
  | { readonly kind: 'event'; readonly name: string; readonly value: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: string };

interface Waiting {
  readonly wanted: (value: unknown) => boolean;
  readonly settle: (value: unknown) => void;
}

export interface PartOptions {
  /** For Node. */
  readonly execArgv?: readonly string[];
}

/** Starts `parts/<name>.ts` and calls its `open` with `argument`. */
export async function startPart(name: string, argument: unknown, options: PartOptions = {}): Promise<Part> {
  const file = fileURLToPath(new URL(`../parts/${name}.ts`, import.meta.url));
  const child = fork(file, {
    serialization: 'advanced',
    execArgv: [...(options.execArgv ?? []), ...profileArguments(name)],
  });
  const part = new ChildPart(child);
  await part.call('open', argument);
  return part;
}

/** With `--profile`: each part leaves a CPU profile when it ends. */
function profileArguments(name: string): string[] {
  const folder = process.env.BENCH_PROFILE_DIR;
  if (folder === undefined) return [];
  profiles += 1;
  return [
    '--cpu-prof',
    '--cpu-prof-interval=200',
    `--cpu-prof-dir=${folder}`,
    `--cpu-prof-name=${name}-${profiles}.cpuprofile`,
  ];
}

let profiles = 0;

class ChildPart implements Part {
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #events = new Map<string, unknown[]>();
  readonly #waiting = new Map<string, Waiting[]>();
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (told) => this.#hear(told as Told));
    child.once('exit', (code) => {
      for (const { reject } of this.#calls.values()) reject(new Error(`a part of the benchmark ended with ${code}`));
    });
  }

  call<T>(name: string, argument?: unknown): Promise<T> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#calls.set(id, answer);
    this.#child.send({ id, name, argument } satisfies Call);
    return answer.promise as Promise<T>;
  }

  take<T>(name: string, wanted: (value: T) => boolean = () => true): Promise<T> {
    const told = this.#events.get(name) ?? [];
    const index = told.findIndex((value) => wanted(value as T));
    if (index >= 0) return Promise.resolve(told.splice(index, 1)[0] as T);
    return new Promise<T>((settle) => {
      const entry = { wanted: wanted as (value: unknown) => boolean, settle: settle as (value: unknown) => void };
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), entry]);
    });
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    await Promise.race([this.call('close'), exited, after(5000)]).catch(() => undefined);
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2000);
    await exited;
    clearTimeout(timer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  #hear(told: Told): void {
    if (told.kind === 'answer') {
      const call = this.#calls.get(told.id);
      this.#calls.delete(told.id);
      if (told.error === undefined) call?.resolve(told.value);
      else call?.reject(new Error(told.error));
      return;
    }
    const waiting = this.#waiting.get(told.name) ?? [];
    const index = waiting.findIndex(({ wanted }) => wanted(told.value));
    if (index >= 0) waiting.splice(index, 1)[0]?.settle(told.value);
    else this.#events.set(told.name, [...(this.#events.get(told.name) ?? []), told.value]);
  }
}

const after = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms).unref());

/** Within a part: answers the calls of whoever started it. Ends with the connection to it. */
// biome-ignore lint/suspicious/noExplicitAny: what crosses between processes has the type its caller says.
export function servePart(functions: Readonly<Record<string, (argument: any) => unknown>>): void {
  process.on('message', async ({ id, name, argument }: Call) => {
    try {
      tell({ kind: 'answer', id, value: await functions[name]?.(argument) });
    } catch (cause) {
      tell({ kind: 'answer', id, error: (cause as Error).stack ?? String(cause) });
    }
  });
  process.once('disconnect', () => process.exit());
}

/** Within a part: tells whoever started it. */
export const tellEvent = (name: string, value: unknown): void => tell({ kind: 'event', name, value });

const tell = (told: Told): void => void process.send?.(told);
