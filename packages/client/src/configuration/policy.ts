import { findUnsafeJson, isJsonObject, isWithin, type JsonValue, type Pointer, parsePointer } from '@setpoint/protocol';
import type { Overlay } from './overlay.ts';
import type { StalenessOptions } from './staleness.ts';

/**
 * What a setting may be at a start where the live document can't be had or does not fit: never anything else than the
 * live value; the value of the last good document, never a default; or this value, whatever was kept.
 */
export type BootPolicy = 'refuse' | 'keep_last_good' | { readonly default: JsonValue };

/** What a service says about documents that are not the authority's newest. */
export interface PolicyOptions {
  /**
   * By JSON Pointer. A setting that is not named is the last good one's, else the schema's default. One `refuse` makes
   * every start without a fitting live document fail. @default {}
   */
  readonly boot?: Readonly<Record<Pointer, BootPolicy>>;
  /**
   * How long the authority may be silent: from `softMs` on the provider state is STALE, from `hardMs` on ERROR, or
   * FATAL where a setting has the boot policy `refuse`. @default never
   */
  readonly staleness?: StalenessOptions;
  /** Values of this machine, in place of what is published. */
  readonly overrides?: OverrideOptions;
}

export interface OverrideOptions {
  /** Which settings this machine may override: these, and what is inside them. */
  readonly allow: readonly Pointer[];
  /** By JSON Pointer, each within one of `allow`. */
  readonly values: Readonly<Record<Pointer, JsonValue>>;
}

export interface Policy {
  readonly overrides: Overlay;
  /** What the boot policy puts in place of the last good, or the schema's, value. */
  readonly bootDefaults: Overlay;
  /** What may only be the live or the last good value. */
  readonly kept: readonly Pointer[];
  /** What may only be the live value. */
  readonly refusing: readonly Pointer[];
  readonly staleness: StalenessOptions | undefined;
}

/** Checks and sorts what the service says. Every fault is told with the option it is about. */
export function resolvePolicy(
  { boot = {}, staleness, overrides = { allow: [], values: {} } }: PolicyOptions,
  onFault: (option: string, message: string) => void,
): Policy {
  const asked = Object.entries(boot);
  for (const [pointer, policy] of asked) {
    const fault = faultOfPointer(pointer) ?? faultOfBoot(pointer, policy);
    if (fault !== undefined) onFault('boot', fault);
  }
  const values = Object.entries(overrides.values);
  for (const [pointer, value] of values) {
    const fault = faultOfPointer(pointer) ?? faultOfOverride(pointer, value, overrides.allow);
    if (fault !== undefined) onFault('overrides', fault);
  }
  for (const pointer of overrides.allow) {
    const fault = faultOfPointer(pointer);
    if (fault !== undefined) onFault('overrides', fault);
  }
  if (staleness && !isRising([1, staleness.softMs, staleness.hardMs, 2_147_483_647])) {
    onFault('staleness', 'softMs must be 1 or more, and hardMs from softMs to 2147483647');
  }
  const pointersOf = (wanted: BootPolicy): Pointer[] =>
    asked.filter(([, policy]) => policy === wanted).map(([pointer]) => pointer);
  return {
    overrides: new Map(values),
    bootDefaults: new Map(asked.flatMap(([pointer, policy]) => (isDefault(policy) ? [[pointer, policy.default]] : []))),
    kept: pointersOf('keep_last_good'),
    refusing: pointersOf('refuse'),
    staleness,
  };
}

function faultOfPointer(pointer: Pointer): string | undefined {
  if (pointer === '') return 'names the whole document; name a setting, as "/log/level"';
  try {
    parsePointer(pointer);
    return undefined;
  } catch (cause) {
    return (cause as Error).message;
  }
}

function faultOfBoot(pointer: Pointer, policy: BootPolicy): string | undefined {
  if (policy === 'refuse' || policy === 'keep_last_good') return undefined;
  if (isDefault(policy)) return faultOfValue(pointer, policy.default);
  return `${pointer} must be "refuse", "keep_last_good" or { default: value }`;
}

/** Callers without types may say anything. */
const isDefault = (policy: unknown): policy is { readonly default: JsonValue } =>
  isJsonObject(policy) && policy.default !== undefined;

function faultOfOverride(pointer: Pointer, value: JsonValue, allow: readonly Pointer[]): string | undefined {
  if (allow.some((place) => isWithin(pointer, place))) return faultOfValue(pointer, value);
  return `${pointer} may not be overridden on this machine; add it to overrides.allow, or change it at the authority`;
}

function faultOfValue(pointer: Pointer, value: unknown): string | undefined {
  if (value === undefined) return `${pointer} has no value`;
  const unsafe = findUnsafeJson(value);
  return unsafe === undefined ? undefined : `${pointer} ${unsafe}`;
}

/** Also false where one is no number. */
const isRising = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => index === 0 || number >= (numbers[index - 1] ?? 0));
