import { describe, expect, it } from 'vitest';
import { entityTag, expectedVersion, isKnown } from './entity-tag.ts';

const present = { epoch: 3, version: 7, digest: 'sha256:0' };

describe('an entity tag', () => {
  it('is the epoch and the version, in quotes', () => {
    expect(entityTag(present)).toBe('"3-7"');
  });

  it.each([
    ['"3-7"', true],
    ['W/"3-7"', true],
    ['"3-6", "3-7"', true],
    ['"a,b",W/"3-7" , "x"', true],
    ['*', true],
    ['"3-6"', false],
    ['"2-7"', false],
  ])('If-None-Match: %s is known: %s', (header, expected) => {
    expect(isKnown({ 'if-none-match': header }, present)).toBe(expected);
  });

  it('does not match a request without one', () => {
    expect(isKnown({}, present)).toBe(false);
  });

  it.each(['3-7', '"3-7', '"3-7" "3-8"', '', 'W/3-7', '"3-7"; x'])('is not parsed from %s', (header) => {
    expect(() => isKnown({ 'if-none-match': header }, present)).toThrow('must be * or a list of entity tags');
    expect(() => expectedVersion({ 'if-match': header }, present)).toThrow('must be * or a list of entity tags');
  });
});

describe('the version that a change expects', () => {
  it.each([
    [{}, undefined],
    [{ 'if-match': '"3-7"' }, 7],
    [{ 'if-match': '"3-1", "3-7"' }, 7],
    [{ 'if-match': '*' }, undefined],
    [{ 'if-none-match': '"3-6"' }, undefined],
  ])('with %j is %s', (headers, expected) => {
    expect(expectedVersion(headers, present)).toBe(expected);
  });

  it('is 0 when the service must not exist and does not', () => {
    expect(expectedVersion({ 'if-none-match': '*' }, undefined)).toBe(0);
  });

  it.each([
    ['another version', { 'if-match': '"3-6"' }],
    ['another epoch', { 'if-match': '"2-7"' }],
    ['a weak tag, which never matches', { 'if-match': 'W/"3-7"' }],
    ['a service that must not exist', { 'if-none-match': '*' }],
    ['what is present', { 'if-none-match': '"3-7"' }],
  ])('is refused for %s, saying where the service stands', (_, headers) => {
    expect(() => expectedVersion(headers, present)).toThrow(
      expect.objectContaining({
        refusal: expect.objectContaining({ status: 412, code: 'precondition_failed' }),
        headers: { etag: '"3-7"' },
      }),
    );
  });

  it('is refused for a missing service', () => {
    expect(() => expectedVersion({ 'if-match': '*' }, undefined)).toThrow('there is no such service');
  });
});
