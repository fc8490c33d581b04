import type { KeyRing, Signer } from '@setpoint/protocol';
import { defaultOperatorName } from './connection/operator-name.ts';
import { CommandError } from './exit-codes.ts';

/** The options that every command has, as commander hands them over. */
export interface GlobalOptions {
  readonly url?: string;
  readonly prefix?: string;
  readonly authority?: string;
  readonly name?: string;
  readonly timeout?: string;
  readonly json?: boolean;
  readonly key?: string;
  readonly trustedKeys?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Whom to talk to, as whom, and for how long. */
export interface Settings {
  readonly url: string;
  readonly prefix: string;
  readonly authority: string;
  /** The operator. */
  readonly name: string;
  readonly timeoutMs: number;
  /** Signs requests. */
  readonly signer: Signer | undefined;
  /** Whose snapshots and results to believe; undefined: whatever the broker delivers. */
  readonly keys: KeyRing | undefined;
}

/**
 * An option goes before its variable, a variable before its default; one that is set and empty counts as not set.
 * @throws CommandError usage; SetpointError `name_invalid`, `key_malformed`
 */
export async function resolveSettings(options: GlobalOptions, env: Environment): Promise<Settings> {
  const { createTopics, parseName } = await import('@setpoint/protocol');
  const { readKeyRing, readSigner } = await import('./connection/key-files.ts');
  const prefix = options.prefix ?? (env.SETPOINT_PREFIX || '');
  createTopics(prefix);
  const key = options.key ?? (env.SETPOINT_KEY || undefined);
  const trustedKeys = options.trustedKeys ?? (env.SETPOINT_TRUSTED_KEYS || undefined);
  return {
    url: options.url ?? (env.SETPOINT_MQTT_URL || 'mqtt://127.0.0.1:1883'),
    prefix,
    authority: parseName(options.authority ?? (env.SETPOINT_ID || 'config-authority'), 'an authority'),
    name: parseName(options.name ?? (env.SETPOINT_OPERATOR || defaultOperatorName()), 'an operator'),
    timeoutMs: parseCount(options.timeout ?? '5000', '--timeout', 1),
    signer: key === undefined ? undefined : await readSigner(key),
    keys: trustedKeys === undefined ? undefined : await readKeyRing(trustedKeys),
  };
}

/** The range of a timer. */
const largestCount = 2_147_483_647;

/** @throws CommandError usage */
export function parseCount(text: string, what: string, least: number, most: number = largestCount): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new CommandError('usage', `${what} must be a whole number from ${least} to ${most}, not "${text}"`);
}
