import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PublishLaneOptions } from '../bus.ts';
import { Lane } from './publish-lane.ts';
import { PublishQueue } from './publish-queue.ts';
import type { QueuedPublish } from './waiting-line.ts';

const lanes = (limits: Partial<PublishLaneOptions> = {}): Lane =>
  new Lane({ maxMessages: 1000, maxBytes: 1_000_000, overflow: 'refuse', ...limits });

const roomy = lanes();

function entry(
  topic: string,
  { bytes = 10, deadlineMs = 1000, answerDueMs = Number.POSITIVE_INFINITY, lane = roomy } = {},
): QueuedPublish {
  return {
    lane,
    topic,
    payload: new Uint8Array(),
    qos: 1,
    retain: false,
    properties: undefined,
    bytes,
    maxAgeMs: 1000,
    deadlineMs,
    answerDueMs,
    closes: 0,
    wasSent: false,
    isAbandoned: false,
    settle: () => {},
  };
}

function queueOf(topics: string, lane = lanes()): PublishQueue {
  const queue = new PublishQueue();
  for (const topic of topics) queue.offer(entry(topic, { lane }));
  return queue;
}

function takeAll(queue: PublishQueue): QueuedPublish[] {
  const taken: QueuedPublish[] = [];
  for (let next = queue.next(); next; next = queue.next()) taken.push(next);
  return taken;
}

const topicsOf = (entries: readonly QueuedPublish[]): string => entries.map(({ topic }) => topic).join('');

describe('the publish queue', () => {
  it('gives out no message while there is no connection', () => {
    expect(queueOf('abc').next()).toBeUndefined();
  });

  it('gives out messages in order, and no more at once than the window allows', () => {
    const queue = queueOf('abcd');
    queue.open(3);
    const taken = takeAll(queue);
    expect(topicsOf(taken)).toBe('abc');
    queue.acknowledged(taken[1] as QueuedPublish);
    expect(topicsOf(takeAll(queue))).toBe('d');
    expect(queue.inFlight).toBe(3);
    expect(queue.waiting).toBe(0);
  });

  it('accepts no more messages than its lane allows, and one more when one has left', () => {
    const lane = lanes({ maxMessages: 2 });
    const queue = queueOf('ab', lane);
    expect(queue.offer(entry('c', { lane }))).toBeUndefined();
    queue.open(1);
    queue.next();
    expect(queue.offer(entry('d', { lane }))).toEqual([]);
  });

  it('accepts no more bytes than its lane allows', () => {
    const lane = lanes({ maxBytes: 25 });
    const queue = new PublishQueue();
    expect(queue.offer(entry('a', { lane, bytes: 20 }))).toEqual([]);
    expect(queue.offer(entry('b', { lane, bytes: 6 }))).toBeUndefined();
    expect(queue.offer(entry('c', { lane, bytes: 5 }))).toEqual([]);
    expect(lane.waitingBytes).toBe(25);
  });

  it('pushes out the oldest messages of the lane, by count and by bytes, and of no other lane', () => {
    const queue = queueOf('xy');
    const lane = lanes({ maxMessages: 3, maxBytes: 35, overflow: 'drop-oldest' });
    for (const topic of 'abc') queue.offer(entry(topic, { lane }));
    expect(topicsOf(queue.offer(entry('d', { lane })) ?? [])).toBe('a');
    expect(topicsOf(queue.offer(entry('e', { lane, bytes: 25 })) ?? [])).toBe('bc');
    expect([lane.waiting, lane.waitingBytes, queue.waiting]).toEqual([2, 35, 4]);
    queue.open(8);
    expect(topicsOf(takeAll(queue))).toBe('xyde');
    expect([lane.waiting, lane.underWay]).toEqual([0, 2]);
  });

  it('pushes nothing out for a message that is larger than the lane', () => {
    const lane = lanes({ maxBytes: 25, overflow: 'drop-oldest' });
    const queue = queueOf('ab', lane);
    expect(queue.offer(entry('c', { lane, bytes: 26 }))).toBeUndefined();
    expect(lane.waiting).toBe(2);
  });

  it('keeps no message from being sent at once by the bounds of what may wait', () => {
    const lane = lanes({ maxBytes: 5 });
    const queue = new PublishQueue();
    queue.open(1);
    expect(queue.offer(entry('a', { lane }))).toEqual([]);
    expect(queue.next()?.topic).toBe('a');
    expect(queue.offer(entry('b', { lane }))).toBeUndefined();
  });

  it('gives up what waits on a lane, and nothing else', () => {
    const lane = lanes();
    const queue = queueOf('ab', lane);
    queue.offer(entry('c'));
    queue.open(1);
    expect(queue.next()?.topic).toBe('a');
    expect(topicsOf(queue.clearLane(lane))).toBe('b');
    expect([lane.waiting, lane.underWay, queue.waiting]).toEqual([0, 1, 1]);
  });

  it('puts what was under way back to the front after a close, in order, even beyond the bounds of the lane', () => {
    const lane = lanes({ maxMessages: 4, maxBytes: 40 });
    const queue = queueOf('abcd', lane);
    queue.open(3);
    takeAll(queue);
    queue.offer(entry('e', { lane }));
    expect(queue.closed(true)).toEqual([]);
    expect(queue.waiting).toBe(5);
    expect(lane.waitingBytes).toBe(50);
    queue.open(8);
    const order: string[] = [];
    for (let next = queue.next(); next; next = queue.next()) {
      order.push(next.topic);
      queue.acknowledged(next);
    }
    expect(order.join('')).toBe('abcde');
  });

  it('sends suspects alone, and all other messages together behind them', () => {
    const queue = queueOf('abcd');
    queue.open(2);
    takeAll(queue);
    queue.closed(true);
    queue.open(8);
    const [a, ...none] = takeAll(queue);
    expect(a?.topic).toBe('a');
    expect(none).toEqual([]);
    queue.acknowledged(a as QueuedPublish);
    const b = queue.next() as QueuedPublish;
    expect(b.topic).toBe('b');
    expect(queue.next()).toBeUndefined();
    queue.acknowledged(b);
    expect(topicsOf(takeAll(queue))).toBe('cd');
  });

  it('gives up the one message that closes the connection each time, and delivers the messages around it', () => {
    const queue = queueOf('abcXdefg');
    const arrived: string[] = [];
    const givenUp: QueuedPublish[] = [];
    let connections = 0;
    while (queue.waiting > 0) {
      connections += 1;
      queue.open(8);
      for (let sent = takeAll(queue); sent.length > 0; sent = takeAll(queue)) {
        if (sent.some(({ topic }) => topic === 'X')) {
          givenUp.push(...queue.closed(true));
          break;
        }
        for (const message of sent) {
          arrived.push(message.topic);
          queue.acknowledged(message);
        }
      }
    }
    expect(topicsOf(givenUp)).toBe('X');
    expect(arrived.join('')).toBe('abcdefg');
    expect(connections).toBe(4);
  });

  it('counts a close that had another cause against no message', () => {
    const queue = queueOf('ab');
    for (let times = 0; times < 5; times += 1) {
      queue.open(8);
      expect(topicsOf(takeAll(queue))).toBe('ab');
      expect(queue.closed(false)).toEqual([]);
    }
  });

  it('expires each message at its own deadline, and keeps the place of one that is under way', () => {
    const queue = new PublishQueue();
    queue.offer(entry('a', { deadlineMs: 20, answerDueMs: 50 }));
    queue.offer(entry('b', { deadlineMs: 30 }));
    queue.offer(entry('c', { deadlineMs: 10 }));
    queue.offer(entry('d', { deadlineMs: 40 }));
    queue.open(1);
    const a = queue.next() as QueuedPublish;
    expect(queue.nextDeadlineMs(0)).toBe(10);
    expect(topicsOf(queue.expire(30))).toBe('abc');
    expect(queue.nextDeadlineMs(30)).toBe(40);
    expect(queue.next()).toBeUndefined();
    queue.acknowledged(a);
    expect(queue.next()?.topic).toBe('d');
  });

  it('is stuck when the broker owes an answer to every message in the window', () => {
    const queue = new PublishQueue();
    queue.offer(entry('a', { deadlineMs: 10, answerDueMs: 50 }));
    queue.offer(entry('b', { answerDueMs: 60 }));
    queue.open(2);
    const [a] = takeAll(queue);
    queue.expire(10);
    expect(queue.isStuck(59)).toBe(false);
    expect(queue.nextDeadlineMs(50)).toBe(60);
    expect(queue.isStuck(60)).toBe(true);
    queue.acknowledged(a as QueuedPublish);
    expect(queue.isStuck(60)).toBe(false);
  });

  it('sends again a message that the broker is silent about, and forgets the first copy with the connection', () => {
    const queue = new PublishQueue();
    queue.offer(entry('a', { answerDueMs: 50 }));
    queue.offer(entry('b', { answerDueMs: 60 }));
    queue.open(3);
    takeAll(queue);
    queue.retrySilent(50);
    expect(topicsOf(takeAll(queue))).toBe('a');
    expect(queue.inFlight).toBe(3);
    queue.closed(false);
    queue.open(3);
    expect(topicsOf(takeAll(queue))).toBe('ba');
  });

  it('does not send again what has expired under way', () => {
    const queue = queueOf('ab');
    queue.open(8);
    takeAll(queue);
    queue.expire(1000);
    expect(queue.isIdle).toBe(true);
    queue.closed(true);
    expect(queue.waiting).toBe(0);
  });

  it('returns every message whose caller still waits when it is cleared', () => {
    const lane = lanes();
    const queue = queueOf('abc', lane);
    queue.open(1);
    queue.next();
    expect(topicsOf(queue.clear())).toBe('abc');
    expect(queue.isIdle).toBe(true);
    expect([lane.waiting, lane.waitingBytes, lane.underWay]).toEqual([0, 0, 0]);
  });

  it('neither loses, doubles nor reorders a message, whatever happens to the connection', () => {
    const step = fc.constantFrom('offer', 'take', 'acknowledge', 'close');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 8 }), (steps, window) => {
        const queue = new PublishQueue();
        const inFlight: QueuedPublish[] = [];
        const ended: number[] = [];
        let offered = 0;
        queue.open(window);
        for (const what of steps) {
          if (what === 'offer') queue.offer(entry(`${offered++}`));
          if (what === 'take') inFlight.push(...takeAll(queue));
          if (what === 'acknowledge') {
            const first = inFlight.shift();
            if (first) queue.acknowledged(first);
            if (first) ended.push(Number(first.topic));
          }
          if (what === 'close') {
            inFlight.length = 0;
            ended.push(...queue.closed(true).map(({ topic }) => Number(topic)));
            queue.open(window);
          }
          expect(inFlight.length).toBeLessThanOrEqual(window);
        }
        const left = queue.clear().map(({ topic }) => Number(topic));
        expect([...ended, ...left]).toEqual(Array.from({ length: offered }, (_, index) => index));
      }),
    );
  });
});
