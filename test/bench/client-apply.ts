import type { TrustedKeys } from '@setpoint/protocol';
import { largeSchema, schemaFileOf } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { mediumDocument } from './harness/medium-document.ts';
import { startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import type { Applied, ApplyingClientPart } from './parts/applying-client.ts';
import type { AuthorityPart } from './parts/authority.ts';

const prefix = 'apply';
const warmUps = 20;

/** From the bytes of a document of 100 KB to the handler of the service, beside what reading them takes alone. */
export const clientApply: Measurement = {
  name: 'client-apply',
  isOnceEnough: true,
  async run({ url, name }, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const [document, schema] = [mediumDocument(), schemaFileOf(largeSchema)];
    const options: AuthorityPart = { url, prefix, store: 'memory', services: ['stt-worker'], document, schema };
    const authority = stack.use(await startPart('authority', options));
    await authority.call('ready');
    const trustedKeys = await authority.call<TrustedKeys>('trustedKeys');
    const part: ApplyingClientPart = { url, prefix, trustedKeys };
    const client = stack.use(await startPart('applying-client', part));
    const apply = async (i: number): Promise<Applied> => {
      const patch = { entries: { 'entry-5': { weight: i / 1000 } } };
      const present = await authority.call<number>('change', { service: 'stt-worker', patch });
      return client.take<Applied>('applied', ({ version }) => version === present);
    };
    const all: Applied[] = [];
    for (let i = 1; i <= warmUps + (isQuick ? 30 : 120); i += 1) all.push(await apply(i));
    const taken = all.slice(warmUps);
    const row = createRows(`18 document of ${Math.round((taken[0]?.bytes ?? 0) / 1000)} KB`, name);
    const alone = taken.map(({ aloneMs }) => aloneMs);
    return [
      row('JSON.parse + zod alone', alone),
      row(
        'connect: received → verified, applied',
        taken.map(({ appliedMs }) => appliedMs),
        { beside: { name: 'alone', samples: alone } },
      ),
    ];
  },
};
