import convict, { type Config } from 'convict';

/** A hundred settings with the bounds of `hundredSchema`, as one says them to convict. */
export function openConvict(names: readonly string[], values: object): Config {
  return convict(Object.fromEntries(names.map((name) => [name, section]))).load(values);
}

function between(least: number, most: number, isFit: (value: unknown) => boolean): (value: unknown) => void {
  return (value) => {
    if (!isFit(value) || Number(value) < least || Number(value) > most) throw new Error(`must be ${least} to ${most}`);
  };
}

function text(value: unknown): void {
  if (typeof value !== 'string' || value.length > 60) throw new Error('must be a text of at most 60');
}

const section = {
  enabled: { format: Boolean, default: false },
  level: { format: between(0, 1, Number.isFinite), default: 0 },
  model: { format: ['tiny', 'base', 'small'], default: 'base' },
  timeoutMs: { doc: 'How long an answer is waited for.', format: between(0, 60_000, Number.isInteger), default: 0 },
  label: { format: text, default: '' },
};
