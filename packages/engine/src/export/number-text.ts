/**
 * A number as JSON, HCL and both versions of YAML read it alike: YAML 1.1 takes `1e-7` for text, and readers of whole
 * numbers refuse those past 2^53 that are written with all their digits.
 */
export function numberText(value: number): string {
  const text = Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : JSON.stringify(value);
  return text.includes('.') ? text : text.replace('e', '.0e');
}
