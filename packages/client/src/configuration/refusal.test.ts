import { SetpointError } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { maskSecrets } from './refusal.ts';

const snapshot = {
  secrets: ['/keys', '/token'],
  values: { keys: { 'member-1': { deep: 12 }, 'a~b': 1 }, token: 'tiger', plain: { 'member-1': 1 } },
};
const masked = (message: string, ...pointers: string[]): SetpointError =>
  maskSecrets(
    new SetpointError('document_invalid', message, {
      faults: pointers.map((pointer) => ({ pointer, message: `${pointer} is wrong` })),
    }),
    [snapshot],
  );

describe('errors about the inside of a secret setting', () => {
  it("a fault inside a secret names only the secret's own place", () => {
    const { message, faults } = masked(
      '/keys/member-1/deep is wrong; /plain/member-1 is wrong; /keys/a~0b is wrong',
      '/keys/member-1/deep',
      '/plain/member-1',
      '/keys/a~0b',
      '/token',
    );
    expect(message).toBe('/keys is wrong; /plain/member-1 is wrong; /keys is wrong');
    expect(faults.map(({ pointer, message: text }) => [pointer, text])).toEqual([
      ['/keys', '/keys is wrong'],
      ['/plain/member-1', '/plain/member-1 is wrong'],
      ['/keys', '/keys is wrong'],
      ['/token', '/token is wrong'],
    ]);
  });

  it('member names inside a secret are hidden when a message quotes them', () => {
    expect(masked('Unrecognized keys: "member-1", "a~b"').message).toBe(
      'Unrecognized keys: "*** REDACTED ***", "*** REDACTED ***"',
    );
    expect(masked('/keys/other is wrong', '/keys/other').message).toBe('/keys is wrong');
  });
});
