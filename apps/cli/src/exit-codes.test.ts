import { SetpointError } from '@setpoint/protocol';
import { expect, it } from 'vitest';
import { CommandError, exitCodeOf, toFailure } from './exit-codes.ts';

it.each([
  ['applied', 0],
  ['unchanged', 0],
  ['valid', 0],
  ['found', 0],
  ['rejected', 2],
  ['conflict', 3],
  ['denied', 4],
] as const)('the result %s ends with %i', (status, code) => {
  expect(exitCodeOf(status)).toBe(code);
});

it.each([
  [new CommandError('denied', 'm'), 4],
  [new SetpointError('no_answer', 'm'), 5],
  [new SetpointError('pointer_invalid', 'm'), 64],
  [new SetpointError('key_malformed', 'm'), 64],
  [new SetpointError('signature_invalid', 'm'), 2],
  [new TypeError('m'), 70],
  ['thrown text', 70],
])('the error %s ends with %i', (cause, code) => {
  expect(toFailure(cause).exitCode).toBe(code);
});
