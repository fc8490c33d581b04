import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SetpointError } from '../problem.ts';
import { type Envelope, envelopeSchema } from './envelope.ts';
import { openEnvelope } from './open-envelope.ts';

// openEnvelope has a hand-written fast path; these tests compare it with the schema and a plain walk through the data.

function findUnsafePlainly(value: unknown, depth = 0): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'has a number that is too large';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth >= 64) return 'nests deeper than 64 levels';
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__') return 'has a member named "__proto__"';
    const found = findUnsafePlainly(member, depth + 1);
    if (found) return found;
  }
  return undefined;
}

function readPlainly(text: string): Envelope | string {
  const { data, error } = envelopeSchema.safeParse(JSON.parse(text));
  if (error)
    return `not an envelope: ${error.issues.map((i) => `${i.path.join('.') || 'message'} ${i.message}`).join('; ')}`;
  const unsafe = findUnsafePlainly(data.data);
  return unsafe === undefined ? data : `data ${unsafe}`;
}

function open(text: string): Envelope | string {
  try {
    return openEnvelope(Buffer.from(text), { role: 'operator', now: 0 }).envelope;
  } catch (cause) {
    return (cause as SetpointError).message;
  }
}

const members = {
  specversion: '1.0',
  id: '0190b5a2-0000-7000-8000-000000000001',
  source: '/instance/vad-1',
  type: 'setpoint.message.v1',
  time: '2026-06-01T00:00:00.000Z',
  subject: 'vad',
  datacontenttype: 'application/json',
  data: { threshold: 0.5 },
};
const optional = ['correlationid', 'traceparent', 'replyto', 'sequence', 'dataschema', '__proto__', 'signature'];

const time = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom(
    '2024-02-29T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:00:00+00:00',
    '2026-01-01T00:00:00.123456789Z',
    '2026-01-01t00:00:00z',
    '2026-01-01T00:00:00Z\n',
  ),
);
const text = fc.oneof(
  fc.string(),
  fc.constantFrom(
    '',
    'a',
    '1.0',
    'application/json',
    'é'.repeat(512),
    'é'.repeat(513),
    '😀'.repeat(256),
    '😀'.repeat(257),
  ),
  time,
);
const anything = fc.oneof(text, fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(null, [], {}, 0, true, 1e300));
/** As text, because JSON can express what a JavaScript value cannot. */
const data = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '{"__proto__":1}',
    '{"\\u005f_proto__":{}}',
    '{"a":[{"__proto__":null}]}',
    '{"constructor":{"prototype":1}}',
    '{"a":1e400}',
    '{"a":[[-1e400]]}',
    '{"a":1,"a":2}',
    '{"a":"\\ud800"}',
    '[]',
    '[1e400]',
    '"{}"',
    'null',
  ),
  fc.integer({ min: 60, max: 67 }).map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
  fc.integer({ min: 60, max: 67 }).map((depth) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`),
);

const rarely = <T>(one: fc.Arbitrary<T>, usual: T): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: one });

const message = fc
  .record({
    changed: rarely(fc.dictionary(fc.constantFrom(...Object.keys(members), ...optional), anything, { maxKeys: 2 }), {}),
    without: rarely(fc.constantFrom<string | undefined>(...Object.keys(members)), undefined),
    extra: fc.dictionary(fc.constantFrom(...optional), text, { maxKeys: 4 }),
    time: rarely(time, members.time),
    data: rarely(data, '{"threshold":0.5}'),
    isShuffled: fc.boolean(),
  })
  .map(({ changed, without, extra, time: at, data: of, isShuffled }) => {
    const texts = new Map(
      Object.entries({ ...members, time: at }).map(([name, value]) => [name, JSON.stringify(value)]),
    );
    texts.set('data', of);
    for (const [name, value] of [...Object.entries(extra), ...Object.entries(changed)])
      texts.set(name, JSON.stringify(value));
    if (without !== undefined) texts.delete(without);
    const all = [...texts].map(([name, value]) => `${JSON.stringify(name)}:${value}`);
    return `{${(isShuffled ? all.reverse() : all).join(',')}}`;
  });

describe('openEnvelope', () => {
  it('reads every message exactly as the schema and a plain walk through its data do', () => {
    const outcomes = { opened: 0, refused: 0 };
    fc.assert(
      fc.property(message, (given) => {
        const opened = open(given);
        // `toStrictEqual` would read a member named "constructor" as the class of its object.
        deepStrictEqual(opened, readPlainly(given));
        outcomes[typeof opened === 'string' ? 'refused' : 'opened'] += 1;
      }),
      { numRuns: 20_000 },
    );
    expect(Math.min(outcomes.opened, outcomes.refused)).toBeGreaterThan(3000);
  });

  it('treats JSON that is not a message exactly as the schema does', () => {
    fc.assert(
      fc.property(fc.json(), (given) => deepStrictEqual(open(given), readPlainly(given))),
      { numRuns: 2000 },
    );
  });
});
