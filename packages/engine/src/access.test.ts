import { describe, expect, it } from 'vitest';
import { authorise, type Identity, mayRead } from './access.ts';

describe('authorise', () => {
  it.each([
    ['without a key, under its own name', { requester: 'ann' }],
    ['with a key that is bound to nobody', { requester: 'ann', signedBy: { keyId: 'k' } }],
    ['with its own key', { requester: 'ann', signedBy: { keyId: 'k', operator: 'ann' } }],
  ])('allows a request %s', (_, identity: Identity) => {
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
  ])('says why %j may not write as %s', (identity: Identity, author: string, reason: string) => {
    expect(authorise(identity, { author })).toBe(reason);
  });
});

it('lets a key see the services that it is for, and everybody else all', () => {
  const narrow: Identity = { requester: 'ann', signedBy: { keyId: 'k', services: ['stt-*'] } };
  expect(['stt-worker', 'tts-worker'].map((service) => mayRead(narrow, service))).toEqual([true, false]);
  expect(mayRead({ requester: 'ann', signedBy: { keyId: 'k' } }, 'tts-worker')).toBe(true);
  expect(mayRead({ requester: 'ann' }, 'tts-worker')).toBe(true);
});
