import { compileSchema, createEngine } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { fileLayer, hundredDocument, hundredSchema, schemaFileOf } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';

const services = 100;
const warmUps = 5;

const texts = {
  'a name that every section has': 'timeoutMs',
  'a value of one section of each service': 'part-7 in the kitchen of the house',
  'a part of one value in every section': 'KITCHEN',
  'a word of a description': 'answer is waited',
  'what is nowhere': 'bathroom',
};

/** One text looked for in all settings of a hundred services. */
export const searchSettings: Measurement = {
  name: 'search',
  isOnceEnough: true,
  async run({ name }, { isQuick }) {
    const engine = await createEngine({ store: createMemoryStore() });
    for (let i = 0; i < services; i += 1) {
      const schema = compileSchema({ ...schemaFileOf(hundredSchema), title: `service ${i}` });
      await engine.loadSources(`service-${i}`, { layers: [fileLayer(hundredDocument())], schema });
    }
    const take = (text: string) => async () => {
      const request = { service: 'config-authority', author: 'bench', op: 'search', text } as const;
      const startedAt = performance.now();
      const { found } = await engine.request(request, 'search', { requester: 'bench' });
      const tookMs = performance.now() - startedAt;
      const hits = found?.hits?.length ?? 0;
      if ((hits === 0) !== (text === texts['what is nowhere'])) throw new Error(`${hits} hits of ${text}`);
      return [tookMs];
    };
    const takes = Object.fromEntries(Object.entries(texts).map(([what, text]) => [what, take(text)]));
    await interleave(warmUps, takes);
    const samples = await interleave(isQuick ? 30 : 150, takes);
    const row = createRows('13 search 100 services of 100 settings', name);
    return Object.entries(samples).map(([what, taken]) => row(what, taken, { atMost: 50 }));
  },
};
