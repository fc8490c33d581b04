import type { OperatorRequestOptions } from '@setpoint/client/operator';
import { CommandError } from './exit-codes.ts';
import { parseCount } from './settings.ts';

/** The options of every command that changes something. */
export interface ChangeOptions {
  readonly reason?: string;
  readonly ifVersion?: string;
}

const maxReasonLength = 1000;

/** @throws CommandError usage */
export function changeOptions({ reason, ifVersion }: ChangeOptions): OperatorRequestOptions {
  if (reason !== undefined && reason.length > maxReasonLength) {
    throw new CommandError('usage', `--reason has ${reason.length} characters, ${maxReasonLength} is the limit`);
  }
  return {
    ...(reason !== undefined && { reason }),
    ...(ifVersion !== undefined && {
      expectedVersion: parseCount(ifVersion, '--if-version', 0, Number.MAX_SAFE_INTEGER),
    }),
  };
}

/** @throws CommandError usage */
export const parseVersion = (text: string, what: string): number =>
  parseCount(text.replace(/^v(?=\d)/, ''), what, 1, Number.MAX_SAFE_INTEGER);
