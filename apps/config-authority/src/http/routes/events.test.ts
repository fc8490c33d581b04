import { once } from 'node:events';
import { connect } from 'node:net';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openServedApi, type ServedApi } from '../../../test/served-api.ts';

interface Told {
  readonly id: string | undefined;
  readonly event: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it waits for.
  readonly data: any;
}

/** Reads events as a browser does. */
class Reader implements AsyncDisposable {
  readonly told: Told[] = [];
  readonly #ending = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly ended: Promise<void>;

  private constructor(response: Response, ending: AbortController) {
    this.#ending = ending;
    this.ended = this.#read(response).catch(() => undefined);
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<Reader> {
    const ending = new AbortController();
    const response = await fetch(url, { headers, signal: ending.signal });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = new Reader(response, ending);
    await reader.until(({ id }) => id !== undefined);
    return reader;
  }

  async #read(response: Response): Promise<void> {
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        const data = field('data');
        this.told.push({
          id: field('id'),
          event: field('event'),
          data: data === undefined ? undefined : JSON.parse(data),
        });
      }
      for (const look of this.#waiting) look();
    }
  }

  async until(wanted: (told: Told) => boolean): Promise<Told> {
    for (;;) {
      const found = this.told.find(wanted);
      if (found) return found;
      await new Promise<void>((settle) => {
        const look = (): void => {
          this.#waiting.delete(look);
          settle();
        };
        this.#waiting.add(look);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.ended;
  }
}

const merge = 'application/merge-patch+json';
const isChange = (version: number) => (told: Told) => told.event === 'change' && told.data.version === version;

let broker: AedesHarness;
let api: ServedApi;
beforeAll(async () => {
  broker = await openAedes();
});
afterAll(() => broker.close());
beforeEach(async () => {
  api = await openServedApi(broker, { heartbeatMs: 50 });
});
afterEach(() => api[Symbol.asyncDispose]());

const change = async (level: unknown, service = 'lamp'): Promise<void> => {
  const { status } = await api.ask('PATCH', `/services/${service}`, { type: merge, body: { level } });
  expect(status).toBe(200);
};

describe('the events over HTTP', () => {
  it('announce a change as it happens, without its values', async () => {
    await using reader = await Reader.open(`${api.url}/events`);
    await change('hush');
    const { data } = await reader.until(isChange(1));
    expect(data).toEqual({
      service: 'lamp',
      epoch: expect.any(Number),
      version: 1,
      digest: expect.stringMatching(/^sha256:/),
      author: 'http',
      reason: '',
      committedAt: expect.any(String),
      deleted: false,
      changed: [''],
      changedCount: 1,
    });
    expect(JSON.stringify(reader.told)).not.toContain('hush');
  });

  it('carry the health of instances, and convergence after a change', async () => {
    await using reader = await Reader.open(`${api.url}/events?service=stt-worker`);
    await using _service = await api.world.service({ instance: 'kitchen' });
    await reader.until(
      ({ event, data }) => event === 'health' && data.instance === 'kitchen' && data.state === 'ready',
    );
    await reader.until(({ event, data }) => event === 'convergence' && data.instances.applied === 1);
    await api.ask('PATCH', '/services/stt-worker', { type: merge, body: { vad: { threshold: 0.3 } } });
    await reader.until(({ event, data }) => event === 'convergence' && data.version === 2 && data.convergedAt !== null);
  });

  it('Http-04-Events-Resume: resume where a returning reader was, and miss nothing', async () => {
    let lastId = '';
    {
      await using reader = await Reader.open(`${api.url}/events?service=lamp`);
      await change(1);
      lastId = (await reader.until(isChange(1))).id ?? '';
    }
    await change(2);
    await change(3);
    await using again = await Reader.open(`${api.url}/events?service=lamp`, { 'last-event-id': lastId });
    await again.until(isChange(3));
    const versions = again.told.filter(({ event }) => event === 'change').map(({ data }) => data.version);
    expect(versions).toEqual([2, 3]);
    expect(again.told.map(({ event }) => event)).not.toContain('reset');
  });

  it('say that events may be missing after an unknown id', async () => {
    await using reader = await Reader.open(`${api.url}/events`, { 'last-event-id': 'aaaaaaaaaaaa-7' });
    const { data } = await reader.until(({ event }) => event === 'reset');
    expect(data).toEqual({ reason: 'id_unknown' });
    await change(1);
    await reader.until(isChange(1));
  });

  it('carry a heartbeat when nothing happens', async () => {
    await using reader = await Reader.open(`${api.url}/events?service=nobody`);
    const begun = reader.told.length;
    await reader.until((told) => reader.told.indexOf(told) > begun && told.id !== undefined);
  });

  it('cut off a reader that stops reading, and no other', async () => {
    const { hostname, port } = new URL(api.url);
    const stuck = connect({ host: hostname, port: Number(port) });
    stuck.write('GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(stuck, 'readable');
    await using reader = await Reader.open(`${api.url}/events?service=lamp`);
    // Much more than the sockets hold, in events of more than a thousand.
    const reason = 'x'.repeat(1000);
    const { engine } = api.world.authority;
    for (let version = 1; version <= 12_000; version += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, i) =>
          engine.request(
            { service: 'lamp', author: 'ann', reason, op: 'merge', patch: { level: version + i } },
            `flood-${version + i}`,
            { requester: 'ann' },
          ),
        ),
      );
    }
    const closed = once(stuck, 'close');
    stuck.resume();
    await closed;
    await reader.until(isChange(12_000));
  });

  it('end when the authority stops, without waiting for their readers', async () => {
    await using reader = await Reader.open(`${api.url}/events`);
    const startedAt = performance.now();
    await api.server.stop();
    await reader.ended;
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    await expect(fetch(`${api.url}/services`)).rejects.toThrow();
  });

  it('do not keep running requests from being answered at a stop', async () => {
    const asked = Array.from({ length: 20 }, (_, level) =>
      api.ask('PATCH', '/services/lamp', { type: merge, body: { level } }).then(
        ({ status }) => status,
        () => 'not taken',
      ),
    );
    await asked[0];
    const startedAt = performance.now();
    await api.server.stop();
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    const statuses = await Promise.all(asked);
    // What came too late is told so, and what is answered is done.
    expect(new Set([...statuses, 200, 503, 'not taken'])).toEqual(new Set([200, 503, 'not taken']));
    const version = api.world.authority.engine.current('lamp')?.snapshot.version;
    expect(statuses.filter((status) => status === 200)).toHaveLength(version ?? 0);
  });
});
