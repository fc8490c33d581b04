#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Reading and compiling the sources is most of what a short command does.
enableCompileCache();
const { run } = await import('./program.ts');

const interruption = new AbortController();

/** Whoever reads the output may leave before its end, as `head` does: then there is nothing more to say. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') throw cause;
    interruption.abort();
  });
}

function interrupted(): AbortSignal {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // The second one ends the process as it would have without a handler.
    process.once(signal, () => interruption.abort());
  }
  return interruption.signal;
}

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted,
});
