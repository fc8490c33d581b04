import { join } from 'node:path';
import { compileSchema, createEngine, type Engine } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { openSqliteStore } from '@setpoint/engine/store/sqlite';
import { fileLayer, schemaFileOf, smallDocument, smallSchema } from '../harness/documents.ts';
import { servePart } from '../harness/part.ts';
import { openTemporaryFolder } from '../harness/temporary-folder.ts';

// The engine and its store alone: what they could do for a faster broker.

const inFlight = 256;
const stack = new AsyncDisposableStack();
let engine: Engine;
let services: readonly string[];
let sequence = 0;

async function lane(untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    sequence += 1;
    const service = services[sequence % services.length] ?? '';
    const level = (Math.floor(sequence / services.length) % 1000) / 1000;
    const change = { service, author: 'load', op: 'merge', patch: { vad: { level } } } as const;
    const { status, problem } = await engine.request(change, `load-${sequence}`, { requester: 'load' });
    if (status !== 'applied') throw new Error(`a request was ${status}: ${problem?.detail}`);
  }
}

servePart({
  open: async (options: { store: 'sqlite' | 'memory'; services: readonly string[] }) => {
    const folder = await openTemporaryFolder(stack);
    const file = join(folder, 'setpoint.db');
    const store = stack.use(options.store === 'memory' ? createMemoryStore() : await openSqliteStore({ file }));
    engine = await createEngine({ store });
    services = options.services;
    const schema = compileSchema(schemaFileOf(smallSchema));
    const layer = fileLayer(smallDocument());
    for (const service of services) await engine.loadSources(service, { layers: [layer], schema });
  },
  run: async (durationMs: number) => {
    const [before, startedAt] = [sequence, performance.now()];
    await Promise.all(Array.from({ length: inFlight }, () => lane(startedAt + durationMs)));
    return ((sequence - before) * 1000) / (performance.now() - startedAt);
  },
  close: () => stack.disposeAsync(),
});
