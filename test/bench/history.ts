import { join } from 'node:path';
import { compileSchema, createEngine, type Engine, type Store } from '@setpoint/engine';
import { openSqliteStore } from '@setpoint/engine/store/sqlite';
import type { Operation, Request } from '@setpoint/protocol';
import { fileLayer, schemaFileOf, smallDocument, smallSchema } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';
import { openTemporaryFolder } from './harness/temporary-folder.ts';

const service = 'stt-worker';
const versions = 10_000;
const days = 30;
const firstMs = Date.parse('2026-01-01T00:00:00Z');
const timeOf = (version: number): number => firstMs + Math.floor((version / versions) * days * 86_400_000);
/** Versions at the far end, by another author and of a place of their own: who looks for them passes all the rest. */
const rareVersions = 5;
const warmUps = 2;
const atMost = 1000;

const asked: Readonly<Record<string, Operation>> = {
  'history: the newest page': { op: 'history' },
  'history: of an author of the oldest 5 versions': { op: 'history', by: 'rare' },
  'history: of a place that only they changed': { op: 'history', pointer: '/logging' },
  'history: since an hour ago': { op: 'history', since: new Date(timeOf(versions) - 3_600_000).toISOString() },
  'history: 500 entries since the first day': { op: 'history', since: new Date(firstMs).toISOString(), limit: 500 },
  'log: the newest page': { op: 'log' },
  'log: of an author of the oldest 5 versions': { op: 'log', by: 'rare' },
  'blame of the whole document': { op: 'blame' },
  'show the version of a moment': { op: 'show', at: new Date(timeOf(versions / 2)).toISOString() },
  'explain the version of a moment': { op: 'explain', at: new Date(timeOf(versions / 2)).toISOString() },
};

/** One service with the versions of a month in a file: what is asked of them, and what keeps them. */
export const history: Measurement = {
  name: 'history',
  isOnceEnough: true,
  async run({ name }, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const folder = await openTemporaryFolder(stack);
    const store = stack.use(await openSqliteStore({ file: join(folder, 'setpoint.db') }));
    const engine = await makeHistory(store);
    const row = createRows('12 history of 10,000 versions', name);
    const takes = Object.fromEntries(
      Object.entries(asked).map(([what, operation]) => [what, timed(() => ask(engine, operation))]),
    );
    await interleave(warmUps, takes);
    const samples = await interleave(isQuick ? 5 : 30, takes);
    const fsck = await interleave(isQuick ? 1 : 5, { fsck: timed(() => verify(engine)) });
    const prune = await timed(() => store.prune({ keepVersions: 1000 }))();
    return [
      ...Object.entries(samples).map(([what, taken]) => row(what, taken, { atMost })),
      row('fsck of all', fsck.fsck),
      row('prune to the newest 1,000', prune),
    ];
  },
};

const timed = (work: () => Promise<unknown>) => async (): Promise<readonly number[]> => {
  const startedAt = performance.now();
  await work();
  return [performance.now() - startedAt];
};

async function makeHistory(store: Store): Promise<Engine> {
  let version = 1;
  const engine = await createEngine({ store, now: () => timeOf(version) });
  const schema = compileSchema(schemaFileOf(smallSchema));
  await engine.loadSources(service, { layers: [fileLayer(smallDocument())], schema });
  for (version = 2; version <= versions; version += 1) {
    const isRare = version <= 1 + rareVersions;
    const patch = { [isRare ? 'logging' : 'vad']: { level: (version % 1000) / 1000 } };
    await ask(engine, { op: 'merge', patch }, isRare ? 'rare' : 'bench');
  }
  return engine;
}

let count = 0;

async function ask(engine: Engine, operation: Operation, author = 'bench') {
  count += 1;
  const isOfAll = operation.op === 'history' || operation.op === 'fsck';
  const request = { ...operation, service: isOfAll ? 'config-authority' : service, author } as Request;
  const result = await engine.request(request, `history-${count}`, { requester: author });
  if (result.problem) throw new Error(`${operation.op}: ${result.problem.detail}`);
  if (result.log?.length === 0) throw new Error(`${operation.op}: nothing was found`);
  return result;
}

async function verify(engine: Engine): Promise<void> {
  const { found } = await ask(engine, { op: 'fsck' });
  if (found?.verified !== versions || found.faults?.length !== 0) throw new Error('fsck finds faults');
}
