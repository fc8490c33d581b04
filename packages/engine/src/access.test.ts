import { describe, expect, it } from 'vitest';
import { authorise } from './access.ts';

describe('authorise', () => {
  it.each([
    ['without a key, under its own name', { requester: 'ann' }],
    ['with a key that is bound to nobody', { requester: 'ann', signedBy: { keyId: 'k' } }],
    ['with its own key', { requester: 'ann', signedBy: { keyId: 'k', operator: 'ann' } }],
  ])('allows a request %s', (_, identity) => {
    expect(authorise(identity, { author: 'ann' })).toBeUndefined();
  });

  it.each([
    [{ requester: 'ann' }, 'bob', 'the request comes from ann and names bob as its author; they must be the same'],
    [
      { requester: 'ann', signedBy: { keyId: 'k', operator: 'ann' } },
      'bob',
      'the request comes from ann and names bob as its author; they must be the same',
    ],
    [
      { requester: 'ann', signedBy: { keyId: 'laptop', operator: 'bob' } },
      'ann',
      'key laptop belongs to bob, the request comes from ann',
    ],
  ])('says why %j may not write as %s', (identity, author, reason) => {
    expect(authorise(identity, { author })).toBe(reason);
  });
});
