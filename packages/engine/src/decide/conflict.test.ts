import type { JsonObject, Result } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { type ConflictNotice, createConflictWatch, type OperatorChange } from './conflict.ts';

const applied: Result = {
  status: 'applied',
  service: 'api',
  epoch: 1,
  version: 9,
  digest: 'sha256:9',
  changed: ['/a'],
  restartRequired: [],
  warnings: [],
};

const change = (rest: Partial<OperatorChange>): OperatorChange => ({
  service: 'api',
  requester: 'ann',
  requestId: 'r-1',
  changed: ['/a'],
  values: { a: 1 },
  secrets: [],
  at: 0,
  ...rest,
});

const bob = (rest: Partial<OperatorChange>) =>
  change({ requester: 'bob', requestId: 'r-2', values: { a: 2 }, ...rest });

function observe(...changes: OperatorChange[]): ConflictNotice[] {
  const watch = createConflictWatch();
  return changes.flatMap((made) => watch.observe(made, applied, () => false));
}

describe('the conflict watch', () => {
  it('tells who was overwritten what was there and what is there now', () => {
    expect(observe(change({}), bob({ at: 4999 }))).toEqual([
      {
        requester: 'ann',
        requestId: 'r-1',
        result: {
          ...applied,
          status: 'conflict',
          overwrittenBy: 'bob',
          diff: [{ pointer: '/a', before: 1, after: 2 }],
          problem: {
            type: 'urn:setpoint:problem:overwritten',
            title: 'Another operator changed the same settings',
            detail: 'bob changed /a within 5 s of your change; use expectedVersion to be asked first',
            code: 'overwritten',
          },
        },
      },
    ]);
  });

  it.each<[string, OperatorChange, OperatorChange]>([
    ['five seconds have passed', change({}), bob({ at: 5000 })],
    ['the places do not meet', change({}), bob({ changed: ['/b', '/ab'] })],
    ['it is another service', change({}), bob({ service: 'web' })],
    ['it is the same operator', change({}), change({ requestId: 'r-2', at: 1 })],
  ])('tells nobody where %s', (_, first, second) => {
    expect(observe(first, second)).toEqual([]);
  });

  it.each<[string, string[], string[], string[]]>([
    ['inside', ['/a'], ['/a/b'], ['/a']],
    ['around', ['/a/b', '/a/c', '/d'], ['/a'], ['/a/b', '/a/c']],
    ['the whole', ['/a', '/d'], [''], ['/a', '/d']],
  ])('takes a change %s for overlapping', (_, first, second, told) => {
    const [notice] = observe(change({ changed: first }), bob({ changed: second }));
    expect(notice?.result.diff?.map(({ pointer }) => pointer)).toEqual(told);
  });

  it('leaves out the side where nothing is', () => {
    const [gone] = observe(change({}), bob({ values: {} }));
    expect(gone?.result.diff).toEqual([{ pointer: '/a', before: 1 }]);
    const [came] = observe(change({ values: {} }), bob({}));
    expect(came?.result.diff).toEqual([{ pointer: '/a', after: 2 }]);
  });

  it('tells of one overwriting once', () => {
    const values = { a: 3 } as JsonObject;
    const notices = observe(
      change({ changed: ['/a', '/b'] }),
      bob({}),
      bob({ requestId: 'r-3', values }),
      bob({ changed: ['/b'], requestId: 'r-4' }),
    );
    expect(notices.map(({ requestId, result }) => [requestId, result.diff?.map(({ pointer }) => pointer)])).toEqual([
      ['r-1', ['/a']],
      ['r-1', ['/b']],
    ]);
  });

  it('forgets what the operator overwrote themselves', () => {
    const notices = observe(change({}), change({ requestId: 'r-2' }), bob({ requestId: 'r-3' }));
    expect(notices.map(({ requestId }) => requestId)).toEqual(['r-2']);
  });

  it('tells each of several operators', () => {
    const notices = observe(
      change({}),
      change({ requester: 'cy', requestId: 'r-c', changed: ['/b'] }),
      bob({ changed: ['/a', '/b'] }),
    );
    expect(notices.map(({ requester }) => requester)).toEqual(['ann', 'cy']);
  });

  it('remembers the last thousand changes', () => {
    const watch = createConflictWatch();
    for (let i = 0; i <= 1000; i += 1)
      watch.observe(change({ changed: [`/s${i}`], requestId: `r-${i}` }), applied, () => false);
    const notices = watch.observe(bob({ changed: ['/s0', '/s1'] }), applied, () => false);
    expect(notices.map(({ requestId }) => requestId)).toEqual(['r-1']);
  });

  it('masks what is a secret now, and what was one for either change', () => {
    const watch = createConflictWatch();
    const values = { a: 'hunter1', b: 'hunter2', c: 'hunter3' };
    watch.observe(change({ changed: ['/a', '/b', '/c'], values, secrets: ['/a'] }), applied, () => false);
    const later = bob({ changed: ['/a', '/b', '/c'], values: {}, secrets: ['/b'] });
    const notices = watch.observe(later, applied, (pointer) => pointer === '/c');
    expect(JSON.stringify(notices)).not.toContain('hunter');
    expect(notices[0]?.result.diff).toHaveLength(3);
  });
});
