import { readFile } from 'node:fs/promises';
import type { Change } from '@setpoint/client';
import { runLlmWorker } from './llm-worker.ts';
import { createChangePrinter } from './print-change.ts';
import { schemas } from './services.ts';
import type { Stage } from './stage.ts';
import { runSttWorker } from './stt-worker.ts';
import { runTtsWorker } from './tts-worker.ts';

// Starts the three workers, prints what each runs with, then every change as it arrives, until Ctrl-C. With `--once` it
// ends after the first change.
const isOnce = process.argv.includes('--once');
const end = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end.abort());

// The authority writes its public key into its data folder. With it, the workers apply only what this authority has signed.
const trustedKeysFile = process.env.SETPOINT_TRUSTED_KEYS;
const printers = new Map(Object.entries(schemas).map(([name, schema]) => [name, createChangePrinter(name, schema)]));
const stage: Stage = {
  broker: {
    url: process.env.SETPOINT_MQTT_URL || 'mqtt://127.0.0.1:1883',
    ...(trustedKeysFile && { trustedKeys: JSON.parse(await readFile(trustedKeysFile, 'utf8')) }),
  },
  signal: end.signal,
  onChange(service: string, change: Change<unknown>) {
    printers.get(service)?.(change);
    if (isOnce) end.abort();
  },
};
await Promise.all(
  [runSttWorker, runTtsWorker, runLlmWorker].map(async (runWorker) => {
    try {
      await runWorker(stage);
    } catch (cause) {
      // A worker that is still starting at the end rejects with `stopped`.
      if (!end.signal.aborted) throw cause;
    }
  }),
);
