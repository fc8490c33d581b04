import { expect, it } from 'vitest';
import { maskSecrets } from './masking.ts';

it('masks what is secret, wherever one looks from', () => {
  const values = { hub: { token: 'abc', url: 'x' }, keys: [{ id: 1, key: 'def' }], tokens: 'kept' };
  const secrets = ['/hub/token', '/keys/0/key'];
  expect(maskSecrets(values, secrets)).toEqual({
    hub: { token: '*** REDACTED ***', url: 'x' },
    keys: [{ id: 1, key: '*** REDACTED ***' }],
    tokens: 'kept',
  });
  expect(maskSecrets('abc', secrets, '/hub/token')).toBe('*** REDACTED ***');
  expect(maskSecrets('a', ['/hub'], '/hub/token')).toBe('*** REDACTED ***');
  expect(maskSecrets(values.hub, secrets, '/hub')).toEqual({ token: '*** REDACTED ***', url: 'x' });
});
