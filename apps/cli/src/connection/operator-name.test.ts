import { expect, it } from 'vitest';
import { defaultOperatorName } from './operator-name.ts';

it.each([
  ['ada', 'ada'],
  ['Ada Lovelace', 'ada-lovelace'],
  ['DOMAIN\\José.M', 'domain-jose-m'],
  ['_svc', 'svc'],
  ['李', 'operator'],
  ['', 'operator'],
  ['x'.repeat(80), 'x'.repeat(63)],
])('the user %s is the operator %s', (user, name) => {
  expect(defaultOperatorName(user)).toBe(name);
});
