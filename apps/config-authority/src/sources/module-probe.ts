import { Worker } from 'node:worker_threads';

/** A module that can't be loaded, in plain words. Whatever was thrown, this is an Error. */
export class ModuleProbeError extends Error {
  override readonly name = 'ModuleProbeError';
  /** The stack of what was thrown, as far as it had one. */
  readonly thrownStack: string;

  constructor(message: string, thrownStack = '') {
    super(message);
    this.thrownStack = thrownStack;
  }
}

/** A module that does not end would hold up everything. Milliseconds. */
const limitMs = 5000;

/**
 * Runs in a thread of its own. It is text, because what is compiled has another name than what is not, and a module of a
 * configuration folder finds our zod only through these hooks.
 */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const { registerHooks } = require('node:module');
registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (cause) {
      if (!/^zod(\\/|$)/.test(specifier)) throw cause;
      return next(specifier, { ...context, parentURL: workerData.lender });
    }
  },
});
const textOf = (read) => { try { return String(read()); } catch { return ''; } };
parentPort.on('message', (href) => {
  import(href).then(
    () => parentPort.postMessage({ isLoaded: true }),
    (cause) => parentPort.postMessage({
      isLoaded: false,
      message: cause instanceof Error ? textOf(() => cause.message) : 'it threw ' + textOf(() => cause),
      stack: cause instanceof Error ? textOf(() => cause.stack) : '',
    }),
  );
});
`;

type Report =
  | { readonly isLoaded: true }
  | { readonly isLoaded: false; readonly message: string; readonly stack: string };

let worker: Worker | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Loads a module in another thread first: one that does not end, ends the process, or throws is found out there.
 * @throws ModuleProbeError
 */
export function probeModule(href: string): Promise<void> {
  const probing = last.then(() => probe(href));
  last = probing.catch(() => undefined);
  return probing;
}

async function probe(href: string): Promise<void> {
  worker ??= new Worker(program, { eval: true, workerData: { lender: import.meta.url }, stdout: true, stderr: true });
  const current = worker;
  current.ref();
  const ended = new AbortController();
  try {
    const report = await new Promise<Report>((resolve, reject) => {
      const fail = (message: string): void => reject(new ModuleProbeError(message));
      const timer = setTimeout(() => fail(`it takes longer than ${limitMs} ms`), limitMs);
      const onError = (cause: unknown): void => fail(cause instanceof Error ? cause.message : 'it threw');
      const onExit = (): void => fail('it ends the process');
      current.on('message', resolve).on('error', onError).on('exit', onExit);
      ended.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        current.off('message', resolve).off('error', onError).off('exit', onExit);
      });
      current.postMessage(href);
    });
    if (!report.isLoaded) throw new ModuleProbeError(report.message, report.stack);
  } catch (cause) {
    worker = undefined;
    void current.terminate();
    throw cause;
  } finally {
    ended.abort();
    current.unref();
  }
}
