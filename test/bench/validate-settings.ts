import { compileSchema, createEngine, createRuleSet } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import type { JsonObject } from '@setpoint/protocol';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { assess } from '../../packages/engine/src/rule/assess.ts';
import { defaultPolicy } from '../../packages/engine/src/rule/policy.ts';
import { noOtherServices } from '../../packages/engine/src/rule/rule.ts';
import { validate } from '../../packages/engine/src/schema/validate.ts';
import { openConvict } from './harness/convict-settings.ts';
import { fileLayer, hundredDocument, hundredNames, hundredSchema, schemaFileOf } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { createRows } from './harness/report.ts';
import { interleave, quantile } from './harness/statistics.ts';

const perRound = 500;
const warmUps = 5;

/**
 * A hundred settings validated, another document each time, in a process that has done it before. Convict looks at the
 * same one again: it knows of no other way, and remembers nothing.
 */
export const validateSettings: Measurement = {
  name: 'validate-settings',
  isOnceEnough: true,
  async run({ name }, { isQuick }) {
    const stages = await createStages();
    const takes = Object.fromEntries(Object.entries(stages).map(([what, stage]) => [what, rounds(stage)]));
    await interleave(warmUps, takes);
    const samples = await interleave(isQuick ? 10 : 40, takes);
    const row = createRows('10 validate 100 settings', name);
    return Object.entries(samples).flatMap(([what, taken]) => {
      const worst = Array.from({ length: taken.length / perRound }, (_, i) =>
        quantile(taken.slice(i * perRound, (i + 1) * perRound), 0.99),
      );
      const isOurs = what.startsWith('ours');
      const goal = what.startsWith('ours: the whole') ? {} : { atMost: 1 };
      const beside = { name: 'convict', samples: samples.convict ?? [] };
      return [
        row(what, taken, isOurs ? { beside } : {}),
        ...(isOurs ? [row(`${what}, p99 of each ${perRound}`, worst, goal)] : []),
      ];
    });
  },
};

type Stage = (values: JsonObject) => unknown;

async function createStages(): Promise<Record<string, Stage>> {
  const schemaFile = schemaFileOf(hundredSchema);
  const schema = compileSchema(schemaFile);
  const rules = { own: schema, contracts: [], isSecret: () => false };
  const service = 'stt-worker';
  const house = { policy: defaultPolicy, rules: createRuleSet([]), otherServices: noOtherServices };
  const asked = { ...rules, ...house, service, isGiven: () => true, isThorough: false };
  const isValid = new Ajv2020({ allErrors: true, strict: false }).compile(schemaFile);
  const convict = openConvict(hundredNames, hundredDocument());
  const engine = await createEngine({ store: createMemoryStore() });
  await engine.loadSources(service, { layers: [fileLayer(hundredDocument())], schema });
  let count = 0;
  return {
    'ajv alone': (values) => isValid(values) || refused(),
    convict: () => convict.validate({ allowed: 'strict' }),
    'ours: JSON Schema and unknown names': (values) => validate(values, rules).length === 0 || refused(),
    'ours: built-in rules too': (values) => assess(values, asked).faults.length === 0 || refused(),
    'ours: the whole request, with layers and digest': async (values) => {
      count += 1;
      const request = { service, author: 'bench', op: 'validate', values } as const;
      const { status } = await engine.request(request, `validate-${count}`, { requester: 'bench' });
      return status === 'valid' || refused();
    },
  };
}

const rounds =
  (stage: Stage) =>
  async (round: number): Promise<readonly number[]> => {
    const samples: number[] = [];
    for (let i = 0; i < perRound; i += 1) {
      const values = documentOf(round * perRound + i);
      const startedAt = performance.now();
      const outcome = stage(values);
      if (outcome instanceof Promise) await outcome;
      samples.push(performance.now() - startedAt);
    }
    return samples;
  };

/** Another value in every section. */
const documentOf = (i: number): JsonObject =>
  Object.fromEntries(
    Object.entries(hundredDocument()).map(([name, section]) => [name, { ...section, level: (i % 1000) / 1000 }]),
  );

function refused(): never {
  throw new Error('the document was refused');
}
