import { SetpointError } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { snapshotOf } from '../../../../test/support/samples.ts';
import { Attempts } from './attempts.ts';

const error = new SetpointError('handler_failed', 'broken', { faults: [{ pointer: '/a', message: 'broken' }] });
const quarantined = new SetpointError('quarantined', 'not again');
const two = snapshotOf(2, { threshold: 0.2 });
const repeated = snapshotOf(3, { threshold: 0.2 });

describe('what was tried', () => {
  it('is nothing at first', () => {
    const attempts = new Attempts();
    attempts.repeat(two);
    expect([attempts.last, attempts.hasFailed, attempts.failedLast(two)]).toEqual([undefined, false, false]);
  });

  it('is told as health tells it', () => {
    const attempts = new Attempts();
    attempts.succeed(two);
    expect(attempts.last).toEqual({ epoch: 7, version: 2, digest: two.digest, outcome: 'applied' });
    attempts.fail(repeated, error);
    expect(attempts.last).toEqual({
      epoch: 7,
      version: 3,
      digest: two.digest,
      outcome: 'rejected',
      code: 'handler_failed',
      message: 'broken',
      pointer: '/a',
    });
    expect(attempts.hasFailed).toBe(true);
  });

  it.each([
    ['the same version', error, two, true],
    ['the same content', error, repeated, true],
    ['another content', error, snapshotOf(3), false],
    ['the same version, out of quarantine', quarantined, two, true],
    ['the same content, out of quarantine', quarantined, repeated, false],
    ['the same version of a later epoch, out of quarantine', quarantined, { ...two, epoch: 8 }, false],
  ])('and failed: %s', (_, reason, again, expected) => {
    const attempts = new Attempts();
    attempts.fail(two, reason);
    expect(attempts.failedLast(again)).toBe(expected);
  });

  it('and was taken back is known by its content, a hundred of them', () => {
    const attempts = new Attempts();
    const contents = Array.from({ length: 101 }, (_, n) => snapshotOf(n + 1, { n }));
    for (const snapshot of contents) attempts.takeBack(snapshot, error);
    expect(attempts.unprovenBy(contents[0] ?? two)).toBeUndefined();
    expect(contents.slice(1).every((snapshot) => attempts.unprovenBy(snapshot) === error)).toBe(true);
  });
});
