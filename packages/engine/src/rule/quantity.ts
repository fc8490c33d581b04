/** A number with the letters after it: "5s", "1.5 GiB", "80%". */
export interface Quantity {
  readonly amount: number;
  readonly unit: string;
}

/** Undefined for a text that is no number with letters after it. */
export function readQuantity(text: string): Quantity | undefined {
  const [, amount, unit] = /^\s*([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*([a-zµ%]+)\s*$/i.exec(text) ?? [];
  return amount === undefined || unit === undefined ? undefined : { amount: Number(amount), unit };
}

interface Scale {
  readonly kind: 'time' | 'size' | 'share' | 'frequency';
  /** How many of the kind's smallest. */
  readonly factor: number;
}

const scale = (kind: Scale['kind'], factors: Readonly<Record<string, number>>): [string, Scale][] =>
  Object.entries(factors).flatMap(([names, factor]) =>
    names.split(' ').map((name): [string, Scale] => [name, { kind, factor }]),
  );

const scales: ReadonlyMap<string, Scale> = new Map([
  ...scale('time', {
    'us µs micros microseconds': 0.001,
    'ms msec millis millisecond milliseconds': 1,
    's sec secs second seconds': 1000,
    'm min mins minute minutes': 60_000,
    'h hr hrs hour hours': 3_600_000,
    'd day days': 86_400_000,
  }),
  ...scale('size', {
    'b byte bytes': 1,
    'kb kilobytes': 1000,
    'mb megabytes': 1_000_000,
    'gb gigabytes': 1_000_000_000,
    'kib kibibytes': 1024,
    'mib mebibytes': 1_048_576,
    'gib gibibytes': 1_073_741_824,
  }),
  ...scale('share', { '% percent': 0.01, 'ratio fraction': 1 }),
  ...scale('frequency', { 'hz hertz': 1, khz: 1000, mhz: 1_000_000 }),
]);

const scaleOf = (unit: string): Scale | undefined => scales.get(unit.toLowerCase());

export const isUnit = (unit: string): boolean => scaleOf(unit) !== undefined;

/** The amount in another unit; undefined where the two don't measure the same. */
export function convert({ amount, unit }: Quantity, wanted: string): number | undefined {
  const [from, to] = [scaleOf(unit), scaleOf(wanted)];
  if (!from || !to || from.kind !== to.kind) return undefined;
  // Twelve digits are more than a setting has, and fewer than a double confuses.
  return Number(((amount * from.factor) / to.factor).toPrecision(12));
}

/** The unit that the name of a setting ends with: timeoutMs, cache_size_mb, sampleRateHz. */
export function unitOfName(name: string): string | undefined {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[ _-]/)
    .filter((word) => word !== '');
  const last = words.length > 1 ? words.at(-1) : undefined;
  return last !== undefined && isUnit(last) ? last : undefined;
}
