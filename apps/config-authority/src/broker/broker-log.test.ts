import type { BusStatus } from '@setpoint/bus';
import { createMemoryBroker } from '@setpoint/bus/memory';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createBrokerLog, firstTry } from './broker-log.ts';

let now = 0;

/** Told statuses, each a second after the one before. */
function logOf(...statuses: BusStatus[]): string[] {
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const tell = createBrokerLog(logger, () => now);
  for (const status of statuses) {
    now += 1000;
    tell(status);
  }
  return lines;
}

describe('the log of the broker connection', () => {
  it('has one line for the first connection', () => {
    expect(logOf({ kind: 'connecting', attempt: 0 }, { kind: 'connected', session: 1 })).toEqual([
      'connected to the broker',
    ]);
  });

  it('says how long the broker took to appear at the start', () => {
    const refused = { kind: 'connecting', reason: 'ECONNREFUSED' } as const;
    const statuses = [
      { ...refused, attempt: 1 },
      { ...refused, attempt: 2 },
    ] as const;
    expect(logOf({ kind: 'connecting', attempt: 0 }, ...statuses, { kind: 'connected', session: 1 })).toEqual([
      'connected to the broker after 4 s',
    ]);
  });

  it('says how long the broker was away, once for each absence and not for each attempt', () => {
    const away = { kind: 'reconnecting', reason: 'closed' } as const;
    const outage = [
      { ...away, attempt: 0 },
      { ...away, attempt: 1 },
    ] as const;
    const lines = logOf(
      { kind: 'connected', session: 1 },
      ...outage,
      { kind: 'connected', session: 2 },
      ...outage,
      { kind: 'connected', session: 3 },
      { kind: 'draining' },
    );
    expect(lines).toEqual(['connected to the broker', 'connected again after 2 s', 'connected again after 2 s']);
  });
});

describe('the first connection attempt', () => {
  it('ends with the connection', async () => {
    await using bus = createMemoryBroker().connect();
    const tried = firstTry(bus, 10_000);
    bus.start().catch(() => undefined);
    expect(await tried).toBeUndefined();
    expect(await firstTry(bus, 10_000)).toBeUndefined();
  });

  it('ends with why the broker was not reached', async () => {
    const broker = createMemoryBroker();
    broker.stop();
    await using bus = broker.connect();
    const tried = firstTry(bus, 10_000);
    bus.start().catch(() => undefined);
    expect(await tried).toEqual(expect.stringMatching(/./));
    // It was tried before, and nobody has to wait for the next one.
    expect(await firstTry(bus, 10_000)).toEqual(expect.stringMatching(/./));
  });

  it('ends when its time is up, and when the bus is stopped', async () => {
    const idle = createMemoryBroker().connect();
    expect(await firstTry(idle, 1)).toBe('it has not answered yet');
    const tried = firstTry(idle, 10_000);
    await idle.stop();
    expect(await tried).toBe('stopping');
  });
});
