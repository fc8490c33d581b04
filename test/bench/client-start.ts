import type { TrustedKeys } from '@setpoint/protocol';
import { schemaFileOf, smallDocument, smallSchema } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';
import type { AuthorityPart } from './parts/authority.ts';
import type { WarmStartPart } from './parts/warm-start.ts';

const warmUps = 20;

/** From the call of `connect` to the first applied document, in a process that has done it before. */
export const clientStart: Measurement = {
  name: 'client-start',
  async run({ url, protocolVersion, name }, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const prefix = 'start';
    const [document, schema] = [smallDocument(), schemaFileOf(smallSchema)];
    const options: AuthorityPart = { url, prefix, store: 'memory', services: ['stt-worker'], document, schema };
    const authority = stack.use(await startPart('authority', options));
    await authority.call('ready');
    const trustedKeys = await authority.call<TrustedKeys>('trustedKeys');
    const part: WarmStartPart = { url, prefix, trustedKeys, protocolVersion };
    const starter = stack.use(await startPart('warm-start', part));
    const take = (kind: string) => async () => [await starter.call<number>(kind)];
    const takes = { plain: take('plain'), setpoint: take('setpoint'), cached: take('cached') };
    await interleave(warmUps, takes);
    const samples = await interleave(isQuick ? 50 : 200, takes);
    const row = createRows('5 client', name);
    const beside = { name: 'raw', samples: samples.plain };
    return [
      row('warm start: raw connect + subscribe + retained', samples.plain),
      row('warm start: connect → applied', samples.setpoint, { beside, maxRatio: 1.3 }),
      row('warm start: connect → applied, with a copy on disk', samples.cached, { beside }),
    ];
  },
};
