import { findUnsafeJson, isJsonObject, isWithin, type JsonValue, type Pointer, parsePointer } from '@setpoint/protocol';
import type { Overlay } from '../configuration/overlay.ts';
import type { StalenessOptions } from '../configuration/staleness.ts';
import {
  anObject,
  anything,
  aText,
  isRecord,
  keepFitting,
  keepFittingWithin,
  mustBe,
  type Rules,
} from './option-rules.ts';

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

/** What `connect` looks at in them; what is inside is looked at here. */
export const policyRules: Rules<PolicyOptions> = { boot: anObject, staleness: anything, overrides: anything };

const overrideRules: Rules<OverrideOptions> = {
  allow: mustBe(
    'must be a list of JSON Pointers',
    (value) => Array.isArray(value) && value.every((item) => aText(item) === undefined),
  ),
  values: anObject,
};

const stalenessRules: Rules<StalenessOptions> = { softMs: anything, hardMs: anything };

/** Checks and sorts what the service says. Every fault is told with the option it is about. */
export function resolvePolicy(
  options: PolicyOptions,
  onFault: (option: string, message: string) => void,
  isOutside: (pointer: Pointer) => boolean = () => false,
): Policy {
  const { boot = {} } = keepFitting<PolicyOptions>(options, policyRules, { onFault });
  const asked = Object.entries(boot);
  for (const [pointer, policy] of asked) {
    const fault = faultOfPointer(pointer) ?? faultOfBoot(pointer, policy) ?? faultOfPlace(pointer, isOutside);
    if (fault !== undefined) onFault('boot', fault);
  }
  const needs = ['allow', 'values'] as const;
  const { allow, values: overriding = {} } = keepFittingWithin(options.overrides, overrideRules, {
    place: 'overrides',
    needs,
    onFault,
  });
  const values = Object.entries(overriding);
  for (const [pointer, value] of values) {
    const fault = faultOfPointer(pointer) ?? faultOfOverride(pointer, value, allow) ?? faultOfPlace(pointer, isOutside);
    if (fault !== undefined) onFault('overrides', fault);
  }
  for (const pointer of allow ?? []) {
    const fault = faultOfPointer(pointer);
    if (fault !== undefined) onFault('overrides', fault);
  }
  const staleness = resolveStaleness(options.staleness, onFault);
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

function resolveStaleness(
  options: StalenessOptions | undefined,
  onFault: (option: string, message: string) => void,
): StalenessOptions | undefined {
  const { softMs, hardMs } = keepFittingWithin(options, stalenessRules, { place: 'staleness', onFault });
  if (!isRecord(options)) return undefined;
  if (softMs !== undefined && hardMs !== undefined && isRising([1, softMs, hardMs, 2_147_483_647])) {
    return { softMs, hardMs };
  }
  onFault('staleness', 'softMs must be 1 or more, and hardMs from softMs to 2147483647');
  return undefined;
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

/** It would have no effect. */
const faultOfPlace = (pointer: Pointer, isOutside: (pointer: Pointer) => boolean): string | undefined =>
  isOutside(pointer) ? `${pointer} is no place of the schema` : undefined;

function faultOfOverride(
  pointer: Pointer,
  value: JsonValue,
  allow: readonly Pointer[] | undefined,
): string | undefined {
  // One that is no list has been told already.
  if (!allow || allow.some((place) => isWithin(pointer, place))) return faultOfValue(pointer, value);
  return `${pointer} may not be overridden on this machine; add it to overrides.allow, or change it at the authority`;
}

function faultOfValue(pointer: Pointer, value: unknown): string | undefined {
  if (value === undefined) return `${pointer} has no value`;
  const unsafe = findUnsafeJson(value);
  return unsafe === undefined ? undefined : `${pointer} ${unsafe}`;
}

/** Also false where one is no number. */
const isRising = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => typeof number === 'number' && (index === 0 || number >= (numbers[index - 1] ?? 0)));
