import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PublishQueue, type QueuedPublish } from './publish-queue.ts';

const roomy = { maxMessages: 1000, maxBytes: 1_000_000 };

function entry(topic: string, { bytes = 10, deadlineMs = 1000 } = {}): QueuedPublish {
  return {
    topic,
    payload: new Uint8Array(),
    qos: 1,
    retain: false,
    properties: undefined,
    bytes,
    deadlineMs,
    closes: 0,
    overdue: false,
    settle: () => {},
  };
}

function outboxOf(topics: string, limits = roomy): PublishQueue {
  const outbox = new PublishQueue(limits);
  for (const topic of topics) outbox.offer(entry(topic));
  return outbox;
}

function takeAll(outbox: PublishQueue): QueuedPublish[] {
  const taken: QueuedPublish[] = [];
  for (let next = outbox.next(); next; next = outbox.next()) taken.push(next);
  return taken;
}

const topicsOf = (entries: readonly QueuedPublish[]): string => entries.map(({ topic }) => topic).join('');

describe('the outbox', () => {
  it('gives nothing while there is no connection', () => {
    expect(outboxOf('abc').next()).toBeUndefined();
  });

  it('gives in order, and no more at once than the window', () => {
    const outbox = outboxOf('abcd');
    outbox.open(3);
    const taken = takeAll(outbox);
    expect(topicsOf(taken)).toBe('abc');
    outbox.acknowledged(taken[1] as QueuedPublish);
    expect(topicsOf(takeAll(outbox))).toBe('d');
    expect(outbox.inFlight).toBe(3);
    expect(outbox.waiting).toBe(0);
  });

  it('takes no more messages than its limit, and again one when one has left', () => {
    const outbox = outboxOf('ab', { maxMessages: 2, maxBytes: 1000 });
    expect(outbox.offer(entry('c'))).toBe(false);
    outbox.open(1);
    outbox.next();
    expect(outbox.offer(entry('d'))).toBe(true);
  });

  it('takes no more bytes than its limit', () => {
    const outbox = new PublishQueue({ maxMessages: 10, maxBytes: 25 });
    expect(outbox.offer(entry('a', { bytes: 20 }))).toBe(true);
    expect(outbox.offer(entry('b', { bytes: 6 }))).toBe(false);
    expect(outbox.offer(entry('c', { bytes: 5 }))).toBe(true);
    expect(outbox.waitingBytes).toBe(25);
  });

  it('takes what was under way back to the front, in order, over its limits if need be', () => {
    const outbox = outboxOf('abcd', { maxMessages: 4, maxBytes: 40 });
    outbox.open(3);
    takeAll(outbox);
    outbox.offer(entry('e'));
    expect(outbox.closed(true)).toEqual([]);
    expect(outbox.waiting).toBe(5);
    expect(outbox.waitingBytes).toBe(50);
    outbox.open(8);
    const order: string[] = [];
    for (let next = outbox.next(); next; next = outbox.next()) {
      order.push(next.topic);
      outbox.acknowledged(next);
    }
    expect(order.join('')).toBe('abcde');
  });

  it('sends suspects alone, and everybody else behind them together', () => {
    const outbox = outboxOf('abcd');
    outbox.open(2);
    takeAll(outbox);
    outbox.closed(true);
    outbox.open(8);
    const [a, ...none] = takeAll(outbox);
    expect(a?.topic).toBe('a');
    expect(none).toEqual([]);
    outbox.acknowledged(a as QueuedPublish);
    const b = outbox.next() as QueuedPublish;
    expect(b.topic).toBe('b');
    expect(outbox.next()).toBeUndefined();
    outbox.acknowledged(b);
    expect(topicsOf(takeAll(outbox))).toBe('cd');
  });

  it('gives up the one message that closes the connection each time, and saves its neighbours', () => {
    const outbox = outboxOf('abcXdefg');
    const arrived: string[] = [];
    const givenUp: QueuedPublish[] = [];
    let connections = 0;
    while (outbox.waiting > 0) {
      connections += 1;
      outbox.open(8);
      for (let sent = takeAll(outbox); sent.length > 0; sent = takeAll(outbox)) {
        if (sent.some(({ topic }) => topic === 'X')) {
          givenUp.push(...outbox.closed(true));
          break;
        }
        for (const message of sent) {
          arrived.push(message.topic);
          outbox.acknowledged(message);
        }
      }
    }
    expect(topicsOf(givenUp)).toBe('X');
    expect(arrived.join('')).toBe('abcdefg');
    expect(connections).toBe(4);
  });

  it('blames nothing for a close that had another cause', () => {
    const outbox = outboxOf('ab');
    for (let times = 0; times < 5; times += 1) {
      outbox.open(8);
      expect(topicsOf(takeAll(outbox))).toBe('ab');
      expect(outbox.closed(false)).toEqual([]);
    }
  });

  it('lets what is overdue go, but keeps its place in the window until it is answered', () => {
    const outbox = new PublishQueue(roomy);
    outbox.offer(entry('a', { deadlineMs: 10 }));
    outbox.offer(entry('b', { deadlineMs: 20 }));
    outbox.offer(entry('c', { deadlineMs: 30 }));
    outbox.open(1);
    const a = outbox.next() as QueuedPublish;
    expect(outbox.nextDeadlineMs).toBe(10);
    expect(topicsOf(outbox.expire(20))).toBe('ab');
    expect(outbox.nextDeadlineMs).toBe(30);
    expect(outbox.next()).toBeUndefined();
    expect(outbox.isStuck).toBe(true);
    outbox.acknowledged(a);
    expect(outbox.isStuck).toBe(false);
    expect(outbox.next()?.topic).toBe('c');
  });

  it('does not send again what is overdue', () => {
    const outbox = outboxOf('ab');
    outbox.open(8);
    takeAll(outbox);
    outbox.expire(1000);
    expect(outbox.isIdle).toBe(true);
    outbox.closed(true);
    expect(outbox.waiting).toBe(0);
  });

  it('hands out everything that somebody waits for when it is cleared', () => {
    const outbox = outboxOf('abc');
    outbox.open(1);
    outbox.next();
    expect(topicsOf(outbox.clear())).toBe('abc');
    expect(outbox.isIdle).toBe(true);
    expect(outbox.waitingBytes).toBe(0);
  });

  it('neither loses, doubles nor reorders a message, whatever happens to the connection', () => {
    const step = fc.constantFrom('offer', 'take', 'acknowledge', 'close');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 8 }), (steps, window) => {
        const outbox = new PublishQueue(roomy);
        const inFlight: QueuedPublish[] = [];
        const ended: number[] = [];
        let offered = 0;
        outbox.open(window);
        for (const what of steps) {
          if (what === 'offer') outbox.offer(entry(`${offered++}`));
          if (what === 'take') inFlight.push(...takeAll(outbox));
          if (what === 'acknowledge') {
            const first = inFlight.shift();
            if (first) outbox.acknowledged(first);
            if (first) ended.push(Number(first.topic));
          }
          if (what === 'close') {
            inFlight.length = 0;
            ended.push(...outbox.closed(true).map(({ topic }) => Number(topic)));
            outbox.open(window);
          }
          expect(inFlight.length).toBeLessThanOrEqual(window);
        }
        const left = outbox.clear().map(({ topic }) => Number(topic));
        expect([...ended, ...left]).toEqual(Array.from({ length: offered }, (_, index) => index));
      }),
    );
  });
});
