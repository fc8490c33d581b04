import type { OperatorRequestOptions } from '@setpoint/client/operator';
import { isLabel } from '@setpoint/protocol';
import { CommandError } from '../exit-codes.ts';
import { parseCount } from '../settings.ts';

/** The options of every command that changes something. */
export interface ChangeOptions {
  readonly reason?: string;
  readonly ifVersion?: string;
  readonly acceptRestart?: boolean;
}

const maxReasonLength = 1000;

/** @throws CommandError usage */
export function changeOptions({ reason, ifVersion, acceptRestart }: ChangeOptions): OperatorRequestOptions {
  if (reason !== undefined && reason.length > maxReasonLength) {
    throw new CommandError('usage', `--reason has ${reason.length} characters, ${maxReasonLength} is the limit`);
  }
  return {
    ...(reason !== undefined && { reason }),
    ...(ifVersion !== undefined && {
      expectedVersion: parseCount(ifVersion, '--if-version', 0, Number.MAX_SAFE_INTEGER),
    }),
    ...(acceptRestart === true && { acceptRestart }),
  };
}

/** @throws CommandError usage */
export const parseVersion = (text: string, what: string): number =>
  parseCount(text.replace(/^v(?=\d)/, ''), what, 1, Number.MAX_SAFE_INTEGER);

/**
 * A version as an operator names it: by number, or by tag.
 * @throws CommandError usage
 */
export function parseVersionName(text: string): { readonly version: number } | { readonly tag: string } {
  if (/^v?\d+$/.test(text)) return { version: parseVersion(text, '<version>') };
  if (isLabel(text)) return { tag: text };
  throw new CommandError('usage', `"${text}" names no version; give its number, 3 for instance, or its tag`);
}

/** @throws CommandError usage */
export function parseLabel(text: string, what: string): string {
  if (isLabel(text)) return text;
  const cure = 'take 1 to 63 of a–z, 0–9, ".", "_" and "-", with a letter or a digit first';
  throw new CommandError('usage', `"${text}" is not a name for ${what}; ${cure}`);
}

/**
 * RFC 3339, or a date, or how long ago: `90s`, `15m`, `24h`, `30d`. Returns RFC 3339.
 * @throws CommandError usage
 */
export function parseTime(text: string, what: string, now: number = Date.now()): string {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : now - Number(count) * (unitMs[unit as string] ?? 0);
  if (Number.isNaN(time) || !/^\d/.test(text)) {
    throw new CommandError(
      'usage',
      `${what}: "${text}" is no time; give 2026-06-01T12:00:00Z, 2026-06-01, 90s, 15m, 24h or 30d`,
    );
  }
  return new Date(time).toISOString();
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
