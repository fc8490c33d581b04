import type { Fault, JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { hideSecrets } from './hide-secrets.ts';

const leftOut = 'is wrong; what the rule says of it repeats a secret and is left out';

const hide = (message: string, document: JsonObject, rest: Partial<Fault> = {}): Fault | undefined =>
  hideSecrets([{ pointer: '', message, ...rest }], [{ document, isSecret: (pointer) => pointer.startsWith('/s') }])[0];

describe('what a rule wrote', () => {
  it.each<[string, string, JsonObject]>([
    ['the whole secret', 'token hunter22 is old', { s: 'hunter22' }],
    ['a part of it', 'it starts with "hunter…', { s: 'hunter22' }],
    ['a number', 'the pin 1234 is short', { s: 1234 }],
    ['a short secret as a word', 'the pin is "on".', { s: 'on' }],
    ['a short secret of other signs', 'no p#1x here', { s: 'p#1' }],
    ['a secret in a section', 'hunter22', { s: { a: { b: 'hunter22' } } }],
    ['a secret in a list', 'hunter22', { s: ['a', 'hunter22'] }],
  ])('is left out where it repeats %s', (_, message, document) => {
    expect(hide(message, document)?.message).toBe(leftOut);
  });

  it.each<[string, string, JsonObject]>([
    ['nothing is secret', 'the token hunter22', { a: 'hunter22' }],
    ['a short secret is part of a word', 'the configuration', { s: 'on' }],
    ['it shares a few letters', 'hunters are out', { s: 'hunt' }],
    ['the secret is empty', 'is empty', { s: '' }],
    ['the secret is no text', 'true and null', { s: [true, null] }],
  ])('stays where %s', (_, message, document) => {
    expect(hide(message, document)?.message).toBe(message);
  });

  it('is looked through in every member', () => {
    const document = { s: 'hunter22' };
    const rest = { pointer: '/x/hunter22', expected: 'not hunter22', suggestion: 'hunter23', rule: 'a/b', line: 3 };
    expect(hide('is old', document, rest)).toEqual({ pointer: '', message: 'is old', rule: 'a/b', line: 3 });
    const well = { pointer: '/x', expected: 'a', suggestion: 'b' };
    expect(hide('is old', document, well)).toEqual({ ...well, message: 'is old' });
  });
});
