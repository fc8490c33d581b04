import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEventLog } from './event-log.ts';
import { createEventStream } from './event-stream.ts';

const usual = { lastId: undefined, accepts: () => true, heartbeatMs: 15_000 };

/** All that is there to be read now. */
async function read(stream: ReturnType<typeof createEventStream>): Promise<string> {
  let text = '';
  for (let chunk: unknown = stream.read(); chunk !== null; chunk = stream.read()) {
    text += String(chunk);
    await new Promise((settle) => setImmediate(settle));
  }
  return text;
}

describe('a stream of events', () => {
  it('begins with the retry time and the last id, then carries new events', async () => {
    const log = createEventLog();
    log.append('change', 'lamp', { version: 1 });
    const stream = createEventStream(log, usual);
    expect(await read(stream)).toBe(`retry: 2000\nid: ${log.idOf(1)}\n\n`);
    log.append('convergence', 'lamp', { version: 2 });
    expect(await read(stream)).toBe(`id: ${log.idOf(2)}\nevent: convergence\ndata: {"version":2}\n\n`);
    stream.destroy();
  });

  it('resumes after the last id', async () => {
    const log = createEventLog();
    for (const version of [1, 2, 3]) log.append('change', 'lamp', { version });
    const stream = createEventStream(log, { ...usual, lastId: log.idOf(1) });
    const told = await read(stream);
    expect(told).not.toContain('reset');
    expect([...told.matchAll(/"version":(\d)/g)].map(([, n]) => n)).toEqual(['2', '3']);
    stream.destroy();
  });

  it.each([
    ['of another run', (_: string) => 'aaaaaaaaaaaa-1', 'id_unknown'],
    ['that is too old', (id: string) => id, 'id_too_old'],
  ])('says that something may be missing for an id %s', async (_, idOf, reason) => {
    const log = createEventLog(2);
    log.append('change', 'lamp', { version: 1 });
    const first = idOf(log.idOf(1));
    for (const version of [2, 3, 4]) log.append('change', 'lamp', { version });
    const stream = createEventStream(log, { ...usual, lastId: first });
    expect(await read(stream)).toBe(
      `retry: 2000\nid: ${log.idOf(4)}\n\nid: ${log.idOf(4)}\nevent: reset\ndata: {"reason":"${reason}"}\n\n`,
    );
    stream.destroy();
  });

  it('has missed nothing when the next event is the oldest in the log', async () => {
    const log = createEventLog(2);
    for (const version of [1, 2, 3]) log.append('change', 'lamp', { version });
    const stream = createEventStream(log, { ...usual, lastId: log.idOf(1) });
    expect([...(await read(stream)).matchAll(/event: (\w+)/g)].map(([, kind]) => kind)).toEqual(['change', 'change']);
    stream.destroy();
  });

  it('leaves out events that its reader may not see', async () => {
    const log = createEventLog();
    const stream = createEventStream(log, { ...usual, accepts: ({ service }) => service === 'lamp' });
    await read(stream);
    log.append('change', 'door', {});
    log.append('change', 'lamp', {});
    expect(await read(stream)).toBe(`id: ${log.idOf(2)}\nevent: change\ndata: {}\n\n`);
    stream.destroy();
  });

  it('ends when its reader is so slow that the log has dropped its next event', async () => {
    const log = createEventLog(4);
    const stream = createEventStream(log, usual);
    const failed = once(stream, 'error');
    // Nobody reads: what the stream holds by itself is full after the first of them.
    const large = { text: 'x'.repeat(100_000) };
    for (let n = 0; n < 10; n += 1) log.append('change', 'lamp', large);
    const [cause] = await failed;
    expect(cause.message).toBe('the reader was too slow for its events');
    expect(stream.readableLength).toBeLessThan(250_000);
  });
});

describe('an idle stream of events', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());

  it('sends a heartbeat with the last id', async () => {
    const log = createEventLog();
    const stream = createEventStream(log, { ...usual, accepts: () => false });
    await read(stream);
    log.append('change', 'lamp', {});
    vi.advanceTimersByTime(15_000);
    expect(await read(stream)).toBe(`: still here\nid: ${log.idOf(1)}\n\n`);
    stream.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });
});
