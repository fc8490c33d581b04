import { describe, expect, it } from 'vitest';
import { isSecretIn, redactDifference, redactFault } from './redact.ts';

const isSecret = isSecretIn(['/db/password', '/keys', '/list/0/key']);

describe('isSecretIn', () => {
  it.each([
    ['/db/password', true],
    ['/db/password/part', true],
    ['/db', true],
    ['', true],
    ['/db/user', false],
    ['/database', false],
  ])('judges %j', (pointer, secret) => {
    expect(isSecret(pointer)).toBe(secret);
  });
});

describe('redactFault', () => {
  it('masks what stood at a secret place, or around one', () => {
    for (const pointer of ['/db/password', '/db', '/keys/a', '']) {
      expect(redactFault({ pointer, message: 'm', received: '"hunter2"' }, isSecret).received).toBe('*** REDACTED ***');
    }
  });

  it('leaves other faults as they are', () => {
    const faults = [
      { pointer: '/db/user', message: 'm', received: '"ann"' },
      { pointer: '/keys', message: 'm' },
    ];
    for (const fault of faults) expect(redactFault(fault, isSecret)).toBe(fault);
  });
});

describe('redactDifference', () => {
  it('opens objects as far as they hold a secret', () => {
    const before = { user: 'ann', password: 'hunter2', nested: { a: 1 } };
    expect(redactDifference({ pointer: '/db', before, after: 'hunter3' }, isSecret)).toEqual({
      pointer: '/db',
      before: { user: 'ann', password: '*** REDACTED ***', nested: { a: 1 } },
      after: '*** REDACTED ***',
    });
  });

  it('masks every value in a secret section', () => {
    expect(redactDifference({ pointer: '/keys', after: { a: 'x', b: { c: 'y' } } }, isSecret)).toEqual({
      pointer: '/keys',
      after: { a: '*** REDACTED ***', b: { c: '*** REDACTED ***' } },
    });
  });

  it('masks a list that holds a secret as a whole', () => {
    expect(redactDifference({ pointer: '/list', before: [{ key: 'x' }], after: [] }, isSecret)).toEqual({
      pointer: '/list',
      before: '*** REDACTED ***',
      after: '*** REDACTED ***',
    });
  });

  it('shows the rest, and leaves out the side where there was nothing', () => {
    expect(redactDifference({ pointer: '/other', after: null }, isSecret)).toEqual({ pointer: '/other', after: null });
    expect(redactDifference({ pointer: '/other', before: [1] }, isSecret)).toEqual({ pointer: '/other', before: [1] });
  });
});
