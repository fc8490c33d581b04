import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMessageQueue, type QueuePolicy, type WaitingMessage } from './message-queue.ts';

const message = (topic: string, bytes = 1): WaitingMessage => ({ topic, payload: new Uint8Array(bytes) });
const limits = (policy: QueuePolicy, maxMessages: number, maxBytes = 1000) => ({ policy, maxMessages, maxBytes });

describe('a queue', () => {
  it('a full message queue drops the oldest message', () => {
    const queue = createMessageQueue(limits('drop-oldest', 2));
    expect([queue.put(message('a')), queue.put(message('b')), queue.isFull]).toEqual([
      { replaced: false, dropped: 0 },
      { replaced: false, dropped: 0 },
      true,
    ]);
    expect(queue.put(message('c'))).toEqual({ replaced: false, dropped: 1 });
    expect([queue.take()?.topic, queue.take()?.topic, queue.take()]).toEqual(['b', 'c', undefined]);
  });

  it('a latest-per-topic queue keeps the latest message of each topic in the place of the one before', () => {
    const queue = createMessageQueue(limits('latest-per-topic', 2));
    queue.put(message('a', 1));
    queue.put(message('b', 1));
    expect(queue.put(message('a', 7))).toEqual({ replaced: true, dropped: 0 });
    expect(queue.bytes).toBe(8);
    expect(queue.put(message('c', 1))).toEqual({ replaced: false, dropped: 1 });
    expect([queue.take()?.topic, queue.take()?.topic]).toEqual(['b', 'c']);
  });

  it('a message larger than the whole queue waits alone', () => {
    const queue = createMessageQueue(limits('drop-oldest', 10, 4));
    queue.put(message('a', 3));
    expect(queue.put(message('b', 9))).toEqual({ replaced: false, dropped: 1 });
    expect([queue.size, queue.bytes, queue.isFull]).toEqual([1, 9, true]);
    expect(queue.put(message('c', 1))).toEqual({ replaced: false, dropped: 1 });
    expect([queue.size, queue.bytes]).toEqual([1, 1]);
    expect([queue.clear(), queue.size, queue.bytes]).toEqual([1, 0, 0]);
  });

  it('a message queue stays within its bounds, counts every message that it drops, and keeps the order', () => {
    const policy = fc.constantFrom<QueuePolicy>('drop-oldest', 'latest-per-topic', 'back-pressure');
    const step = fc.oneof(
      fc.record({ topic: fc.constantFrom('a', 'b', 'c', 'd', 'e'), bytes: fc.nat(40) }),
      fc.constant('take' as const),
    );
    fc.assert(
      fc.property(
        policy,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 100 }),
        fc.array(step),
        (policy, maxMessages, maxBytes, steps) => {
          const queue = createMessageQueue({ policy, maxMessages, maxBytes });
          const arrived: WaitingMessage[] = [];
          let gone = 0;
          let lastTaken = -1;
          for (const step of steps) {
            if (step === 'take') {
              const taken = queue.take();
              if (!taken) continue;
              gone += 1;
              if (policy === 'latest-per-topic') continue;
              expect(arrived.indexOf(taken)).toBeGreaterThan(lastTaken);
              lastTaken = arrived.indexOf(taken);
            } else {
              const put = message(step.topic, step.bytes);
              arrived.push(put);
              const { replaced, dropped } = queue.put(put);
              gone += dropped + (replaced ? 1 : 0);
            }
            expect(queue.size).toBeLessThanOrEqual(maxMessages);
            expect(queue.bytes <= maxBytes || queue.size === 1).toBe(true);
            expect(queue.size + gone).toBe(arrived.length);
          }
        },
      ),
    );
  });
});
