import { schemaFileOf, smallDocument, smallSchema } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { startPart } from './harness/part.ts';
import { createRows } from './harness/report.ts';
import { quantile } from './harness/statistics.ts';
import type { AuthorityPart } from './parts/authority.ts';
import type { HttpLoadPart } from './parts/http-load.ts';

const perSecond = 1000;
const warmUps = 3;

/** Reading a document of forty settings with all its sources, a thousand times a second, from another process. */
export const httpRead: Measurement = {
  name: 'http-read',
  isOnceEnough: true,
  async run({ url, name }, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const [document, schema] = [smallDocument(), schemaFileOf(smallSchema)];
    const options: AuthorityPart = { url, prefix: 'http', store: 'sqlite', services: ['stt-worker'], document, schema };
    const authority = stack.use(await startPart('authority', options));
    await authority.call('ready');
    const api = `${await authority.call<string>('serveHttp')}/api/v1`;
    const load = stack.use(await startPart('http-load', { perSecond } satisfies HttpLoadPart));
    const row = createRows('7 HTTP, 1,000 reads a second', name);
    const read = (path: string, headers: Record<string, string> = {}) =>
      load.call<number[]>('run', { url: `${api}${path}`, headers });
    const path = '/services/stt-worker';
    const { headers } = await fetch(`${api}${path}`);
    const takes = {
      'a document with its sources': () => read(path),
      'a document that is known: 304': () => read(path, { 'if-none-match': headers.get('etag') ?? '' }),
    };
    const rows = [];
    for (const [what, take] of Object.entries(takes)) {
      for (let i = 0; i < warmUps; i += 1) await take();
      const seconds: number[][] = [];
      for (let i = 0; i < (isQuick ? 3 : 15); i += 1) seconds.push(await take());
      const worst = seconds.map((samples) => quantile(samples, 0.99));
      rows.push(row(what, seconds.flat()), row(`${what}, p99 of each second`, worst, { atMost: 5 }));
    }
    return rows;
  },
};
