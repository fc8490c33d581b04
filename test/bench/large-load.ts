import { compileSchema } from '@setpoint/engine';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse, stringify } from 'yaml';
import { parseYamlFile } from '../../packages/engine/src/layer/yaml-file.ts';
import { validate } from '../../packages/engine/src/schema/validate.ts';
import { largeDocument, largeSchema, schemaFileOf } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';

const schemaFile = schemaFileOf(largeSchema);

/** A file of 1 MB and 1,100 entries from its text to a valid document: the plain way, the first time, and again. */
export const largeLoad: Measurement = {
  name: 'large-load',
  isOnceEnough: true,
  async run(broker, { isQuick }) {
    const takes = createTakes();
    await interleave(3, takes);
    const samples = await interleave(isQuick ? 5 : 20, takes);
    const row = createRows('8 load of a file of 1 MB, 1,100 entries', broker.name);
    const [plain, plainValidation] = ['the plain way: yaml and ajv over the whole', 'validation, the plain way'];
    const against = (name: string) => ({ beside: { name, samples: samples[name] ?? [] }, maxRatio: 0.5 });
    return Object.entries(samples).map(([name, taken]) => {
      if (name === plain || name === plainValidation || name === 'of that, validation') return row(name, taken);
      return row(name, taken, against(plain));
    });
  },
};

type Take = () => Promise<readonly number[]>;

function createTakes(): Record<string, Take> {
  const text = stringify(largeDocument());
  const edits = [1, 2].map((weight) => text.replace('weight: 0.5', `weight: 0.${weight}`));
  const ajv = new Ajv2020({ allErrors: true, strict: false, verbose: true });
  const isValid = ajv.compile(schemaFile);
  const ours = createLoad();
  ours(text);
  let turn = 0;
  const next = (): string => {
    turn += 1;
    return edits[turn % 2] as string;
  };
  const timed =
    (load: () => void): Take =>
    async () => {
      const startedAt = performance.now();
      load();
      return [performance.now() - startedAt];
    };
  const stages = createLoad();
  stages(text);
  return {
    'the plain way: yaml and ajv over the whole': timed(() => void isValid(parse(text))),
    // A schema of its own has nothing remembered.
    'the first time': async () => {
      const fresh = createLoad();
      return timed(() => fresh(text))();
    },
    'again, one entry edited': timed(() => ours(next())),
    'of that, validation': async () => [stages(next())],
    'validation, the plain way': async () => {
      const document = parse(text);
      return timed(() => void isValid(document))();
    },
  };
}

/** From text to valid document, as a service's file goes; tells what validation took of it. Milliseconds. */
function createLoad(): (text: string) => number {
  const schema = compileSchema(schemaFile);
  return (text) => {
    const parsed = parseYamlFile(text, 'large.yaml');
    if (parsed.kind === 'faults') throw new Error('the file is not valid YAML');
    const startedAt = performance.now();
    const faults = validate(schema.fillDefaults(parsed.layer.document), {
      own: schema,
      contracts: [],
      isSecret: () => false,
    });
    if (faults.length > 0) throw new Error('the file is not valid');
    return performance.now() - startedAt;
  };
}
