import { parseEnv } from 'node:util';
import { parse as parseHcl } from '@cdktf/hcl2json';
import type { ExportSource } from '@setpoint/engine';
import { redactDocument } from '@setpoint/engine/internal';
import { isJsonObject, type JsonObject, type JsonValue, type Pointer } from '@setpoint/protocol';
import { parse as parseDotenv } from 'dotenv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { exportDocument } from './export-document.ts';
import { parseImport } from './parse-import.ts';

const marker = '*** REDACTED ***';

/** What readers of text trip over. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).filter((found) => found !== marker),
  fc.string({
    unit: fc.constantFrom(
      ...'\n\r\t\'"`$\\#%{}[]:,&*!|>@-?~ =<',
      '\0',
      '\ud800',
      '\u0085',
      '\u2028',
      '\ufeff',
      'é',
      '😀',
      'a',
    ),
    maxLength: 8,
  }),
  fc.constantFrom(
    ...[
      '',
      'true',
      'no',
      'null',
      '~',
      '0x10',
      '012',
      '1e3',
      '.5',
      '-',
      '- a',
      'a: b',
      'a #b',
      '2026-06-01',
      '12:30:45',
    ],
    ...[
      '$VAR',
      ...['$', '$$', '$$$'].map((sign) => `${sign}{VAR}`),
      '%{if}',
      '%%{',
      '---',
      '...',
      '# x',
      ' x ',
      '\\',
      '\'"`#',
      '<<',
      '=',
      '*',
    ],
  ),
);
// Node.js 26 reads an escaped name wrong after an object with a name that begins with a backslash: JSON.parse takes
// {"x":1,"\n":2} for {"x":1,"\\":2}. Such names are left out here.
const name = fc
  .oneof(
    fc.constantFrom(
      'a',
      'b',
      'minSpeechMs',
      'A',
      'a_b',
      'a__b',
      'a-b',
      '_',
      '<<',
      '',
      '~',
      '/',
      'constructor',
      '0',
      '10',
      'x'.repeat(1100),
    ),
    text.filter((found) => found !== '__proto__'),
  )
  .filter((found) => !found.startsWith('\\'));
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, -1, 2 ** 53, 1e20, 123456789012345680000, 1e21, 1e-7, 5e-324, Number.MAX_VALUE),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const document = fc
  .dictionary(name, value, { maxKeys: 4, noNullPrototype: true })
  // JSON has one zero.
  .map((found) => JSON.parse(JSON.stringify(found)) as JsonObject);

/** With names that variables can have. */
const plainName = fc.constantFrom('a', 'b', 'c', 'd', 'minSpeechMs', 'a-b', 'c_d');
const plainDocument = fc.dictionary(
  plainName,
  fc.oneof(value, text, fc.dictionary(plainName, text, { noNullPrototype: true })),
  { noNullPrototype: true },
);

/** A document and the places in it that are secrets, none in another. */
const sourceOfAny = (any: fc.Arbitrary<JsonObject>) =>
  fc.tuple(any, fc.infiniteStream(fc.nat(9))).map(([values, dice]): ExportSource => {
    const secrets: Pointer[] = [];
    const visit = (here: JsonValue, at: Pointer): void => {
      if (at !== '' && (dice.next().value ?? 1) < 2) secrets.push(at);
      else if (typeof here === 'object' && here !== null) {
        for (const [key, member] of Object.entries(here))
          visit(member, `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
      }
    };
    visit(values, '');
    return sourceOf(values, secrets);
  });
const source = sourceOfAny(document);
const plainSource = sourceOfAny(plainDocument.map((found) => JSON.parse(JSON.stringify(found)) as JsonObject));

const sourceOf = (values: JsonObject, secrets: readonly Pointer[]): ExportSource => ({
  service: 'stt-worker',
  values,
  secrets,
  explanation: [
    ...Object.keys(values).map((key) => ({
      pointer: `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      layer: 'yaml_file' as const,
      value: null,
      file: 'a "b"\n#c.yaml',
      line: 3,
      hot: true,
      secret: false,
      beneath: [],
    })),
  ],
  stamp: { epoch: 7, version: 3, digest: 'sha256:0', author: 'ada', committedAt: '2026-06-01T00:00:00.000Z' },
  now: 1_780_272_000_000,
});

const shown = ({ values, secrets }: ExportSource): JsonObject => redactDocument(values, secrets);

describe('Transfer-02-Parsed-Back: what is exported', () => {
  it.each(['yaml', 'json'] as const)('as %s is imported as the identical document', (format) => {
    fc.assert(
      fc.property(source, (given) => {
        expect(parseImport(exportDocument(given, format), format, given)).toEqual({ values: given.values });
      }),
      { numRuns: 1000 },
    );
  });

  it('as YAML is the redacted document for readers of YAML 1.2 and 1.1', () => {
    fc.assert(
      fc.property(source, (given) => {
        const exported = exportDocument(given, 'yaml');
        expect(parse(exported, { stringKeys: true })).toEqual(shown(given));
        expect(parse(exported, { version: '1.1', stringKeys: true })).toEqual(shown(given));
      }),
      { numRuns: 500 },
    );
  });

  it('as JSON is the redacted document for any reader of JSON', () => {
    fc.assert(
      fc.property(source, (given) => {
        expect(JSON.parse(exportDocument(given, 'json')).values).toEqual(shown(given));
      }),
    );
  });

  it('for Kubernetes has the redacted document in a ConfigMap', () => {
    fc.assert(
      fc.property(source, (given) => {
        const [map, secret] = parseAllDocuments(exportDocument(given, 'kubernetes')).map((each) => each.toJS());
        expect(parse(map.data['config.yaml'], { stringKeys: true })).toEqual(shown(given));
        expect(Object.keys(secret?.stringData ?? {}).length > 0).toBe(given.secrets.length > 0);
      }),
    );
  });

  it('for Terraform is the redacted document, its text normalised', async () => {
    await fc.assert(
      fc.asyncProperty(source, async (given) => {
        const parsed = await parseHcl('stt.tfvars', exportDocument(given, 'tfvars'));
        expect(fromTerraformJson(parsed.stt_worker)).toEqual(normalise(shown(given)));
      }),
      { numRuns: 300 },
    );
  });

  it('for Compose is the redacted document, read by its types', () => {
    fc.assert(
      fc.property(fc.oneof(source, plainSource), (given) => {
        const { environment } = parse(exportDocument(given, 'compose')).services['stt-worker'];
        const variables = Object.entries<string>(environment).map(([key, found]) => [key, found.replaceAll('$$', '$')]);
        expect(readVariables(Object.fromEntries(variables), shown(given))).toEqual(shown(given));
      }),
      { numRuns: 500 },
    );
  });

  it('as dotenv is the redacted document, read by its types', () => {
    fc.assert(
      fc.property(fc.oneof(source, plainSource), (given) => {
        const exported = exportDocument(given, 'dotenv');
        expect(readVariables(parseDotenv(exported), shown(given))).toEqual(shown(given));
        expect(readVariables(parseEnv(exported), shown(given))).toEqual(shown(given));
      }),
      { numRuns: 1000 },
    );
  });
});

const isPrefix = (variables: Readonly<Record<string, string | undefined>>, name: string): boolean =>
  Object.keys(variables).some((key) => key.startsWith(`${name}__`));

/** Reads variables as the environment layer does: by the types of what is expected; sections may come as JSON. */
function readVariables(
  variables: Readonly<Record<string, string | undefined>>,
  like: JsonValue,
  name = 'SETPOINT_CFG__STT_WORKER',
): unknown {
  const found = variables[name];
  if (found !== undefined) return typeof like === 'string' ? found : JSON.parse(found);
  if (!isJsonObject(like) || !isPrefix(variables, name)) return undefined;
  return Object.fromEntries(
    Object.entries(like).map(([key, member]) => [
      key,
      readVariables(variables, member, `${name}__${key.replaceAll('-', '_').toUpperCase()}`),
    ]),
  );
}

/** In Terraform's JSON a text is a template, in which `$${` stands for `${`. */
function fromTerraformJson(found: JsonValue): JsonValue {
  return mapText(found, (each) => each.replace(/([$%])\1\{/g, '$1{'));
}

const normalise = (found: JsonValue): JsonValue => mapText(found, (each) => each.toWellFormed().normalize('NFC'));

function mapText(found: JsonValue, change: (text: string) => string): JsonValue {
  if (typeof found === 'string') return change(found);
  if (Array.isArray(found)) return found.map((item) => mapText(item, change));
  if (!isJsonObject(found)) return found;
  return Object.fromEntries(Object.entries(found).map(([key, member]) => [change(key), mapText(member, change)]));
}
