import { describe, expect, it } from 'vitest';
import { numberText } from './json-text.ts';

describe('numberText', () => {
  it.each([
    [0.6, '0.6'],
    [-3, '-3'],
    [9007199254740991, '9007199254740991'],
    // YAML 1.1 has no exponent without a point.
    [1e-7, '1.0e-7'],
    [1.5e300, '1.5e+300'],
    // With all its digits it would be another number to whoever reads them as a whole number.
    [123456789012345680000, '1.2345678901234568e+20'],
    [1e20, '1.0e+20'],
  ])('writes %d', (value, text) => {
    expect(numberText(value)).toBe(text);
    expect(Number(text)).toBe(value);
  });
});
