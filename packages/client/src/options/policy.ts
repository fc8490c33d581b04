import { findUnsafeJson, isJsonObject, isWithin, type JsonValue, type Pointer, parsePointer } from '@setpoint/protocol';
import type { Overlay } from '../configuration/overlay.ts';
import type { StalenessOptions } from '../configuration/staleness.ts';
import {
  anObject,
  anything,
  aText,
  isRecord,
  keepValid,
  keepValidMembers,
  mustBe,
  type OnFault,
  type Rules,
} from './option-rules.ts';

/**
 * What a setting may be when the process starts and the live document is missing or does not fit: only the live value; the
 * value of the last good document, never a default; or this value, whatever was kept.
 */
export type BootPolicy = 'refuse' | 'keep_last_good' | { readonly default: JsonValue };

/** What a service accepts when it cannot have the authority's newest document, and what it overrides. */
export interface PolicyOptions {
  /**
   * By JSON Pointer. A setting that is not named takes the value of the last good document, else the schema's default. With
   * one `refuse`, a start without a live document that fits always fails. @default {}
   */
  readonly boot?: Readonly<Record<Pointer, BootPolicy>>;
  /**
   * How long the authority may be silent: after `softMs` the provider state is STALE; after `hardMs` it is ERROR, or FATAL
   * if a setting has the boot policy `refuse`. @default never
   */
  readonly staleness?: StalenessOptions;
  /** Values of this machine that replace the published ones. */
  readonly overrides?: OverrideOptions;
}

export interface OverrideOptions {
  /** The settings that this machine may override, with everything inside them. */
  readonly allow: readonly Pointer[];
  /** By JSON Pointer, each within one of `allow`. */
  readonly values: Readonly<Record<Pointer, JsonValue>>;
}

/** The policy options, checked and sorted. */
export interface Policy {
  readonly overrides: Overlay;
  /** Values that the boot policy puts in place of the last good one or the schema's default. */
  readonly bootDefaults: Overlay;
  /** Settings that only the live or the last good document may set. */
  readonly kept: readonly Pointer[];
  /** Settings that only the live document may set. */
  readonly refusing: readonly Pointer[];
  readonly staleness: StalenessOptions | undefined;
}

/** The rule of each policy option on its own; `resolvePolicy` checks what is inside them. */
export const policyRules: Rules<PolicyOptions> = { boot: anObject, staleness: anything, overrides: anything };

const overrideRules: Rules<OverrideOptions> = {
  allow: mustBe(
    'must be a list of JSON Pointers',
    (value) => Array.isArray(value) && value.every((item) => aText(item) === undefined),
  ),
  values: anObject,
};

const stalenessRules: Rules<StalenessOptions> = { softMs: anything, hardMs: anything };

/**
 * Checks and sorts the policy options.
 * @param isOutside whether the schema has nothing at a pointer
 */
export function resolvePolicy(
  options: PolicyOptions,
  onFault: OnFault,
  isOutside: (pointer: Pointer) => boolean = () => false,
): Policy {
  const boot = checkBoot(options, onFault, isOutside);
  const overrides = checkOverrides(options.overrides, onFault, isOutside);
  const staleness = checkStaleness(options.staleness, onFault);
  const pointersOf = (wanted: BootPolicy): Pointer[] =>
    boot.filter(([, policy]) => policy === wanted).map(([pointer]) => pointer);
  return {
    overrides: new Map(overrides),
    bootDefaults: new Map(boot.flatMap(([pointer, policy]) => (isDefault(policy) ? [[pointer, policy.default]] : []))),
    kept: pointersOf('keep_last_good'),
    refusing: pointersOf('refuse'),
    staleness,
  };
}

function checkBoot(
  options: PolicyOptions,
  onFault: OnFault,
  isOutside: (pointer: Pointer) => boolean,
): readonly [Pointer, BootPolicy][] {
  const { boot = {} } = keepValid<PolicyOptions>(options, policyRules, { onFault });
  const entries = Object.entries(boot);
  for (const [pointer, policy] of entries) {
    const fault = pointerFault(pointer) ?? bootFault(pointer, policy) ?? placeFault(pointer, isOutside);
    if (fault !== undefined) onFault('boot', fault);
  }
  return entries;
}

function checkOverrides(
  options: OverrideOptions | undefined,
  onFault: OnFault,
  isOutside: (pointer: Pointer) => boolean,
): readonly [Pointer, JsonValue][] {
  const required = ['allow', 'values'] as const;
  const { allow, values = {} } = keepValidMembers<OverrideOptions>(options, overrideRules, {
    option: 'overrides',
    required,
    onFault,
  });
  const entries = Object.entries(values);
  for (const [pointer, value] of entries) {
    const fault = pointerFault(pointer) ?? overrideFault(pointer, value, allow) ?? placeFault(pointer, isOutside);
    if (fault !== undefined) onFault('overrides', fault);
  }
  for (const pointer of allow ?? []) {
    const fault = pointerFault(pointer);
    if (fault !== undefined) onFault('overrides', fault);
  }
  return entries;
}

function checkStaleness(options: StalenessOptions | undefined, onFault: OnFault): StalenessOptions | undefined {
  const { softMs, hardMs } = keepValidMembers(options, stalenessRules, { option: 'staleness', onFault });
  if (!isRecord(options)) return undefined;
  if (softMs !== undefined && hardMs !== undefined && isRising([1, softMs, hardMs, 2_147_483_647])) {
    return { softMs, hardMs };
  }
  onFault('staleness', 'softMs must be 1 or more, and hardMs from softMs to 2147483647');
  return undefined;
}

function pointerFault(pointer: Pointer): string | undefined {
  if (pointer === '') return 'names the whole document; name a setting, as "/log/level"';
  try {
    parsePointer(pointer);
    return undefined;
  } catch (cause) {
    return (cause as Error).message;
  }
}

function bootFault(pointer: Pointer, policy: BootPolicy): string | undefined {
  if (policy === 'refuse' || policy === 'keep_last_good') return undefined;
  if (isDefault(policy)) return valueFault(pointer, policy.default);
  return `${pointer} must be "refuse", "keep_last_good" or { default: value }`;
}

/** Callers without types may pass anything. */
const isDefault = (policy: unknown): policy is { readonly default: JsonValue } =>
  isJsonObject(policy) && policy.default !== undefined;

/** A value at a place that the schema does not have would have no effect. */
const placeFault = (pointer: Pointer, isOutside: (pointer: Pointer) => boolean): string | undefined =>
  isOutside(pointer) ? `${pointer} is no place of the schema` : undefined;

function overrideFault(pointer: Pointer, value: JsonValue, allow: readonly Pointer[] | undefined): string | undefined {
  // An `allow` that is not a list has been reported already.
  if (!allow || allow.some((place) => isWithin(pointer, place))) return valueFault(pointer, value);
  return `${pointer} may not be overridden on this machine; add it to overrides.allow, or change it at the authority`;
}

function valueFault(pointer: Pointer, value: unknown): string | undefined {
  if (value === undefined) return `${pointer} has no value`;
  const unsafe = findUnsafeJson(value);
  return unsafe === undefined ? undefined : `${pointer} ${unsafe}`;
}

/** Whether each number is at least the one before; false if one is not a number. */
const isRising = (numbers: readonly unknown[]): boolean =>
  numbers.every((number, index) => {
    const previous = numbers[index - 1] ?? 0;
    return typeof number === 'number' && (index === 0 || (typeof previous === 'number' && number >= previous));
  });
