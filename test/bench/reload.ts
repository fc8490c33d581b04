import { compileSchema, createEngine, layFiles, parsePlaced } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse, stringify } from 'yaml';
import { largeDocument, largeSchema, schemaFileOf } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';

const service = 'stt-worker';
const warmUps = 3;

type Reload = (text: string) => Promise<void>;

/** A file of 1 MB and 1,100 entries read again by an authority that has it, to its decision, beside the plain way. */
export const reload: Measurement = {
  name: 'reload',
  isOnceEnough: true,
  async run({ name }, { isQuick }) {
    const text = stringify(largeDocument());
    const edits = [text.replace('weight: 0.5', 'weight: 0.1'), text];
    const again = await openReload('unchanged', text);
    const edited = await openReload('applied', text);
    const takes = {
      plain: timed(readPlainly(), () => text),
      unchanged: timed(again, () => text),
      edited: timed(edited, (round) => edits[round % 2] as string),
    };
    // An even count of rounds, so that every edit is one.
    await interleave(2 * warmUps, takes);
    const samples = await interleave(isQuick ? 6 : 30, takes);
    const row = createRows('14 file of 1 MB read again', name);
    const beside = { name: 'yaml + ajv', samples: samples.plain };
    return [
      row('yaml + ajv over the whole', samples.plain),
      row('text → decided, unchanged', samples.unchanged, { beside, maxRatio: 0.5 }),
      row('text → new version, one entry edited', samples.edited, { beside, maxRatio: 0.5 }),
    ];
  },
};

const timed = (read: Reload, textOf: (round: number) => string) => async (round: number) => {
  const startedAt = performance.now();
  await read(textOf(round));
  return [performance.now() - startedAt];
};

function readPlainly(): Reload {
  const isValid = new Ajv2020({ allErrors: true, strict: false }).compile(schemaFileOf(largeSchema));
  return async (text) => {
    if (!isValid(parse(text))) throw new Error('the file was refused');
  };
}

/** As the authority takes in a file; the outcome of each is to be `wanted`. */
async function openReload(wanted: 'unchanged' | 'applied', first: string): Promise<Reload> {
  const engine = await createEngine({ store: createMemoryStore() });
  const schema = compileSchema(schemaFileOf(largeSchema));
  const options = { service, author: 'file', schemas: [schema], variables: () => undefined };
  const read = async (text: string): Promise<string> => {
    const file = parsePlaced(text, 'large.yaml');
    if (file.kind === 'faults') throw new Error('the file is not valid YAML');
    return (await engine.loadSources(service, { layers: [layFiles([file.root], options)], schema })).status;
  };
  await read(first);
  return async (text) => {
    const status = await read(text);
    if (status !== wanted) throw new Error(`the file was ${status}`);
  };
}
