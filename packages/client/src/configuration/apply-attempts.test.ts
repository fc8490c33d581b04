import { SetpointError } from '@setpoint/protocol';
import { snapshotOf } from '@setpoint/test-support/samples';
import { describe, expect, it } from 'vitest';
import { ApplyAttempts } from './apply-attempts.ts';

const error = new SetpointError('handler_failed', 'broken', { faults: [{ pointer: '/a', message: 'broken' }] });
const misfit = new SetpointError('document_invalid', 'does not fit');
const late = new SetpointError('apply_timeout', 'too late');
const unproven = new SetpointError('verify_failed', 'no good');
const quarantined = new SetpointError('quarantined', 'not again');
const two = snapshotOf(2, { threshold: 0.2 });
const repeated = snapshotOf(3, { threshold: 0.2 });

describe('ApplyAttempts', () => {
  it('there is no attempt at first', () => {
    const attempts = new ApplyAttempts();
    attempts.repeat(two);
    expect([attempts.last, attempts.hasFailed, attempts.wouldFailAgain(two)]).toEqual([undefined, false, false]);
  });

  it('an attempt has the shape of the health report', () => {
    const attempts = new ApplyAttempts();
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
    ['the same version, which does not fit', misfit, two, true],
    ['the same content, which does not fit', misfit, repeated, true],
    ['another content', misfit, snapshotOf(3), false],
    ['the same version, which a handler refused', error, two, false],
    ['the same content, which a handler refused', error, repeated, false],
    ['the same version, which took too long', late, two, false],
    ['the same version, which failed its trial', unproven, two, true],
    ['the same content, which failed its trial', unproven, repeated, false],
    ['the same version, which was held back', quarantined, two, true],
    ['the same content, which was held back', quarantined, repeated, false],
    ['the same version of a later epoch, which was held back', quarantined, { ...two, epoch: 8 }, false],
  ])('whether an attempt would only fail again: %s', (_, reason, again, expected) => {
    const attempts = new ApplyAttempts();
    attempts.fail(two, reason);
    expect(attempts.wouldFailAgain(again)).toBe(expected);
  });
});
