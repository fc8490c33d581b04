import type { TrustedKeys } from '@setpoint/protocol';
import { schemaFileOf, smallDocument, smallSchema } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { buildPackages } from './harness/packages.ts';
import { startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import type { AuthorityPart } from './parts/authority.ts';
import type { OneClientPart } from './parts/one-client.ts';

const kinds = ['plain', 'plain with zod', 'setpoint'] as const;

interface Size {
  readonly rssMb: number;
  readonly heapMb: number;
  readonly firstDocumentMs: number;
}

/** The memory of a process that holds one connection, and its cold start to the first document. */
export const clientSize: Measurement = {
  name: 'client-size',
  isOnceEnough: true,
  async run({ url, protocolVersion, name }, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const built = stack.use(await buildPackages(['protocol', 'bus', 'client']));
    const prefix = 'size';
    const [document, schema] = [smallDocument(), schemaFileOf(smallSchema)];
    const options: AuthorityPart = { url, prefix, store: 'memory', services: ['stt-worker'], document, schema };
    const authority = stack.use(await startPart('authority', options));
    await authority.call('ready');
    const trustedKeys = await authority.call<TrustedKeys>('trustedKeys');
    const sizes: Record<OneClientPart['kind'], Size[]> = { plain: [], 'plain with zod': [], setpoint: [] };
    for (let round = 0; round < (isQuick ? 1 : 5); round += 1) {
      for (const kind of kinds) {
        const part: OneClientPart = { kind, url, prefix, packages: built.folder, trustedKeys, protocolVersion };
        await using client = await startPart('one-client', part, { execArgv: ['--expose-gc'] });
        sizes[kind].push(await client.call<Size>('measure'));
      }
    }
    const of = (kind: OneClientPart['kind'], part: keyof Size): number[] => sizes[kind].map((size) => size[part]);
    const row = createRows('5 client', name);
    const beside = (kind: OneClientPart['kind'], part: keyof Size) => ({ name: kind, samples: of(kind, part) });
    const mb = { unit: 'MB' } as const;
    return [
      row('memory (RSS) of a process: plain MQTT.js', of('plain', 'rssMb'), mb),
      row('memory (RSS): plain MQTT.js with a zod schema', of('plain with zod', 'rssMb'), {
        ...mb,
        beside: beside('plain', 'rssMb'),
      }),
      row('memory (RSS): connect', of('setpoint', 'rssMb'), { ...mb, beside: beside('plain', 'rssMb'), maxRatio: 1.1 }),
      row('memory (RSS): connect', of('setpoint', 'rssMb'), { ...mb, beside: beside('plain with zod', 'rssMb') }),
      row('heap: plain MQTT.js', of('plain', 'heapMb'), mb),
      row('heap: plain MQTT.js with a zod schema', of('plain with zod', 'heapMb'), mb),
      row('heap: connect', of('setpoint', 'heapMb'), { ...mb, beside: beside('plain with zod', 'heapMb') }),
      row('cold start to first document: plain MQTT.js', of('plain', 'firstDocumentMs')),
      row('cold start to first document: connect', of('setpoint', 'firstDocumentMs'), {
        beside: beside('plain', 'firstDocumentMs'),
      }),
    ];
  },
};
