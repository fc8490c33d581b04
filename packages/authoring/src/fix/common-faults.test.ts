import { compileSchema } from '@setpoint/engine';
import { applyJsonPatch, validate } from '@setpoint/engine/internal';
import type { JsonObject, JsonValue, PatchOperation } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { proposeFix } from './propose-fix.ts';

interface CommonFault {
  readonly fault: string;
  /** What the schema says of the whole document, or of `v`. */
  readonly schema: JsonObject;
  /** What the document says. */
  readonly says: JsonObject;
  /** What it says with the proposal; undefined where there is none. */
  readonly proposed?: JsonObject;
  readonly clamp?: boolean;
}

const settings = (properties: JsonObject, rest: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  ...rest,
});
const v = (schema: JsonObject): JsonObject => settings({ v: schema });
const under = (name: string, schema: JsonObject): JsonObject => settings({ [name]: schema });
const vad = settings({
  vad: settings({ threshold: { type: 'number' }, minSilenceMs: { type: 'integer' } }),
  mode: { type: 'string' },
});

const commonFaults: readonly CommonFault[] = [
  { fault: 'A number written as text', schema: v({ type: 'integer' }), says: { v: '8080' }, proposed: { v: 8080 } },
  { fault: 'A decimal written as text', schema: v({ type: 'number' }), says: { v: ' 0.6 ' }, proposed: { v: 0.6 } },
  { fault: 'A decimal comma', schema: v({ type: 'number' }), says: { v: '0,6' }, proposed: { v: 0.6 } },
  { fault: 'Thousands grouped', schema: v({ type: 'integer' }), says: { v: '16,000' }, proposed: { v: 16_000 } },
  {
    fault: 'Digits grouped by underscores',
    schema: v({ type: 'integer' }),
    says: { v: '1_000_000' },
    proposed: { v: 1_000_000 },
  },
  { fault: 'A hexadecimal number as text', schema: v({ type: 'integer' }), says: { v: '0x1F' }, proposed: { v: 31 } },
  { fault: 'A boolean written as text', schema: v({ type: 'boolean' }), says: { v: 'true' }, proposed: { v: true } },
  { fault: 'A boolean in words', schema: v({ type: 'boolean' }), says: { v: 'Yes' }, proposed: { v: true } },
  { fault: 'A boolean as 0 or 1', schema: v({ type: 'boolean' }), says: { v: 0 }, proposed: { v: false } },
  { fault: 'A number where a string belongs', schema: v({ type: 'string' }), says: { v: 42 }, proposed: { v: '42' } },
  {
    fault: 'A YAML boolean where a string belongs',
    schema: v({ type: 'string' }),
    says: { v: true },
    proposed: { v: 'true' },
  },
  {
    fault: '"null" written as text',
    schema: v({ type: ['null', 'integer'] }),
    says: { v: 'null' },
    proposed: { v: null },
  },
  {
    fault: 'An empty setting that has a default',
    schema: v({ type: 'integer', default: 5 }),
    says: { v: null },
    proposed: { v: 5 },
  },
  { fault: 'An empty setting', schema: v({ type: 'integer' }), says: { v: null }, proposed: {} },
  {
    fault: 'An enum value in another case',
    schema: v({ enum: ['debug', 'info'] }),
    says: { v: 'INFO' },
    proposed: { v: 'info' },
  },
  {
    fault: 'An enum value with other separators',
    schema: v({ enum: ['low-latency', 'quality'] }),
    says: { v: 'Low Latency' },
    proposed: { v: 'low-latency' },
  },
  {
    fault: 'A misspelt enum value',
    schema: v({ enum: ['debug', 'info', 'warning'] }),
    says: { v: 'wraning' },
    proposed: { v: 'warning' },
  },
  {
    fault: 'A number of an enum, as text',
    schema: v({ anyOf: [{ const: 8000 }, { const: 16_000 }] }),
    says: { v: '16000' },
    proposed: { v: 16_000 },
  },
  { fault: 'A misspelt name', schema: vad, says: { vad: { treshold: 0.6 } }, proposed: { vad: { threshold: 0.6 } } },
  {
    fault: 'A name in another case',
    schema: vad,
    says: { VAD: { threshold: 0.6 } },
    proposed: { vad: { threshold: 0.6 } },
  },
  {
    fault: 'A name with other separators',
    schema: vad,
    says: { vad: { 'min-silence-ms': 900 } },
    proposed: { vad: { minSilenceMs: 900 } },
  },
  {
    fault: 'A setting at the wrong level',
    schema: vad,
    says: { threshold: 0.6 },
    proposed: { vad: { threshold: 0.6 } },
  },
  {
    fault: 'A path written as one name',
    schema: vad,
    says: { 'vad.threshold': 0.6 },
    proposed: { vad: { threshold: 0.6 } },
  },
  {
    fault: 'An old name',
    schema: { ...vad, 'x-renames': [{ from: '/sensitivity', to: '/vad/threshold' }] },
    says: { sensitivity: 0.6 },
    proposed: { vad: { threshold: 0.6 } },
  },
  {
    fault: 'A required name that is misspelt',
    schema: settings({ host: { type: 'string' } }, { required: ['host'] }),
    says: { hots: 'h' },
    proposed: { host: 'h' },
  },
  {
    fault: 'A missing value that can only be one',
    schema: settings({ kind: { const: 'piper' } }, { required: ['kind'] }),
    says: {},
    proposed: { kind: 'piper' },
  },
  {
    fault: 'Seconds where milliseconds belong',
    schema: under('timeoutMs', { type: 'integer' }),
    says: { timeoutMs: '5s' },
    proposed: { timeoutMs: 5000 },
  },
  {
    fault: 'Milliseconds where seconds belong',
    schema: v({ type: 'number', 'x-unit': 's' }),
    says: { v: '250 ms' },
    proposed: { v: 0.25 },
  },
  {
    fault: 'A value with the unit of the setting',
    schema: under('sampleRateHz', { type: 'integer' }),
    says: { sampleRateHz: '16 kHz' },
    proposed: { sampleRateHz: 16_000 },
  },
  {
    fault: 'A size with its unit',
    schema: under('cache_bytes', { type: 'integer' }),
    says: { cache_bytes: '64MiB' },
    proposed: { cache_bytes: 67_108_864 },
  },
  {
    fault: 'A percentage where a fraction belongs',
    schema: v({ type: 'number', minimum: 0, maximum: 1 }),
    says: { v: '80%' },
    proposed: { v: 0.8 },
  },
  {
    fault: 'One item where a list belongs',
    schema: v({ type: 'array', items: { type: 'string' } }),
    says: { v: 'kitchen' },
    proposed: { v: ['kitchen'] },
  },
  {
    fault: 'A list written as one string',
    schema: v({ type: 'array', items: { type: 'integer' } }),
    says: { v: '1, 2, 3' },
    proposed: { v: [1, 2, 3] },
  },
  {
    fault: 'A list of one item where a single value belongs',
    schema: v({ type: 'string' }),
    says: { v: ['kitchen'] },
    proposed: { v: 'kitchen' },
  },
  {
    fault: 'JSON written as text',
    schema: v(settings({ a: { type: 'integer' } })),
    says: { v: '{"a": 1}' },
    proposed: { v: { a: 1 } },
  },
  {
    fault: 'A list of NAME=value where a section belongs',
    schema: v({ type: 'object', additionalProperties: { type: 'string' } }),
    says: { v: ['A=1', 'B=x'] },
    proposed: { v: { A: '1', B: 'x' } },
  },
  {
    fault: 'A repeated item',
    schema: v({ type: 'array', uniqueItems: true }),
    says: { v: ['a', 'b', 'a'] },
    proposed: { v: ['a', 'b'] },
  },
  {
    fault: 'Blanks around a string',
    schema: v({ type: 'string', pattern: '^[a-z]+$' }),
    says: { v: ' kitchen ' },
    proposed: { v: 'kitchen' },
  },
  {
    fault: 'A number out of its bounds, with `--fix clamp`',
    schema: v({ type: 'number', maximum: 1 }),
    says: { v: 1.5 },
    proposed: { v: 1 },
    clamp: true,
  },
  { fault: 'A number out of its bounds', schema: v({ type: 'number', maximum: 1 }), says: { v: 1.5 } },
];

const isSecret = (): boolean => false;

function fix({ schema, says, clamp = false }: CommonFault) {
  const compiled = compileSchema(schema);
  const check = (document: JsonObject) => validate(document, { own: compiled, contracts: [], isSecret });
  const faults = check(says);
  return { faults, check, proposal: proposeFix(says, faults, compiled, { clamp, isSecret, check }) };
}

describe('the published list of common faults', () => {
  it.each(commonFaults.map((common) => [common.fault, common] as const))('%s', (_, common) => {
    const { faults, check, proposal } = fix(common);
    expect(faults.length).toBeGreaterThan(0);
    expect(proposal?.document).toEqual(common.proposed);
    if (!proposal) return;
    expect(proposal.remaining).toEqual([]);
    expect(check(proposal.document)).toEqual([]);
    expect(applyJsonPatch(common.says, proposal.patch, { maxCopyBytes: 0 })).toEqual({
      document: proposal.document,
      faults: [],
    });
  });

  it('Validation-03-Forty-Faults: has forty of them, and for four in five a proposal', () => {
    expect(commonFaults).toHaveLength(40);
    expect(commonFaults.filter((common) => fix(common).proposal).length).toBeGreaterThanOrEqual(32);
  });

  it('is what the page says', async () => {
    await expect(toPage(commonFaults)).toMatchFileSnapshot('../../../../docs/common-faults.md');
  });
});

function toPage(faults: readonly CommonFault[]): string {
  const rows = faults.map((common, i) => {
    const { proposal } = fix(common);
    const patch = proposal
      ? proposal.patch.map(tellOperation).join('; ')
      : 'nothing: only the author knows what was meant';
    return `| ${i + 1} | ${common.fault} | ${code(common.says)} | ${patch} |`;
  });
  return `# Common faults

These are the fixes that \`setpoint validate --fix\` proposes for the most common faults. A proposal is shown as a diff and never
applied unasked. It is checked again before it is shown, so it never leads to an invalid document. Numbers are pulled into their
bounds only with \`--fix clamp\`. A proposal never contains the value of a secret. A test writes this page.

| | Fault | The document says | Proposed |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

const code = (value: JsonValue): string => `\`${JSON.stringify(value)}\``;

function tellOperation(operation: PatchOperation): string {
  switch (operation.op) {
    case 'move':
    case 'copy':
      return `${operation.op} \`${operation.from}\` to \`${operation.path}\``;
    case 'remove':
      return `remove \`${operation.path}\``;
    default:
      return `${operation.op} \`${operation.path}\` ${operation.op === 'replace' ? 'by' : 'as'} ${code(operation.value)}`;
  }
}
