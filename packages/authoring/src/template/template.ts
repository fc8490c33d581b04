import { isAbsolute, normalize } from 'node:path';
import { isName, type JsonValue } from '@setpoint/protocol';
import { isScalar, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { TemplateError } from './template-error.ts';

/** What stands in a blank. */
type Scalar = string | number | boolean;

/** A blank of a template. */
export interface TemplateParameter {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean';
  readonly description: string;
  /** One without is asked for. */
  readonly default?: Scalar;
  /** What it is by default in one environment. */
  readonly byEnvironment?: Readonly<Record<string, Scalar>>;
  readonly oneOf?: readonly Scalar[];
}

/** A starting point for a service, with blanks. */
export interface Template {
  readonly name: string;
  readonly description: string;
  readonly parameters: readonly TemplateParameter[];
  /** From the folder of the template to where it is applied. */
  readonly files: readonly { readonly from: string; readonly to: string }[];
}

const scalar = z.union([z.string(), z.number(), z.boolean()]);

const parameter: z.ZodType<TemplateParameter> = z.strictObject({
  name: z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'must be letters and digits, the first one small'),
  type: z.enum(['string', 'integer', 'number', 'boolean']),
  description: z.string(),
  default: scalar.exactOptional(),
  byEnvironment: z.record(z.string(), scalar).exactOptional(),
  oneOf: z.array(scalar).min(1).exactOptional(),
});

const manifest: z.ZodType<Omit<Template, 'name'>> = z.strictObject({
  description: z.string(),
  parameters: z.array(parameter),
  files: z.array(z.strictObject({ from: z.string(), to: z.string() })).min(1),
});

/**
 * Reads the manifest of a template, `template.yaml`.
 * @throws TemplateError `template_invalid`, with every fault
 * @example
 * const template = parseTemplate('http-service', await readFile('http-service/template.yaml', 'utf8'));
 */
export function parseTemplate(name: string, text: string): Template {
  const parsed = parseDocument(text);
  const checked = parsed.errors.length > 0 ? undefined : manifest.safeParse(parsed.toJS());
  if (checked?.success) return { name, ...checked.data };
  const faults = checked?.error.issues.map(({ path, message }) => `${path.join('/') || 'the manifest'} ${message}`);
  const why = faults ?? ['it is not YAML'];
  throw new TemplateError('template_invalid', `the template ${name} can't be used: template.yaml: ${why.join('; ')}`);
}

/** What every template is given. */
export interface TemplateSubject {
  readonly service: string;
  /** `development`, `production`…; empty where there is but one. */
  readonly environment: string;
}

/** Every blank with what stands in it. */
export type TemplateValues = Readonly<Record<string, Scalar>>;

/**
 * The default of a parameter in an environment; undefined where a value has to be given.
 * @example
 * defaultOf(parameter, 'development');
 */
export const defaultOf = (blank: TemplateParameter, environment: string): Scalar | undefined =>
  blank.byEnvironment?.[environment] ?? blank.default;

/**
 * The values of all parameters of a template, read from texts as they were typed.
 * @throws TemplateError `parameter_invalid`, with every parameter that is missing, unknown or of another type
 * @example
 * const values = fillBlanks(template, { service: 'api', environment: 'production' }, { port: '8080' });
 */
export function fillBlanks(
  { name, parameters }: Template,
  { service, environment }: TemplateSubject,
  given: Readonly<Record<string, string>>,
): TemplateValues {
  const faults = Object.keys(given)
    .filter((key) => !parameters.some((blank) => blank.name === key))
    .map((key) => `there is no parameter ${key}`);
  if (!isName(service)) faults.push(`"${service}" is not a name for a service`);
  if (environment !== '' && !isName(environment)) faults.push(`"${environment}" is not a name for an environment`);
  const values = parameters.map((blank) => {
    const text = given[blank.name];
    const value = text === undefined ? defaultOf(blank, environment) : readBlank(blank, text);
    if (value === undefined) faults.push(`${blank.name} ${text === undefined ? 'is missing' : wanted(blank)}`);
    return [blank.name, value ?? ''] as const;
  });
  if (faults.length === 0) return { ...Object.fromEntries(values), service, environment };
  const known = parameters.map((blank) => blank.name).join(', ');
  throw new TemplateError(
    'parameter_invalid',
    `the template ${name} can't be filled in: ${faults.join('; ')}; it has ${known}`,
  );
}

/**
 * The value of a parameter from its text; undefined for a text that is not of its type, or not one of those allowed.
 * @example
 * readBlank({ name: 'port', type: 'integer', description: 'The port' }, '8080'); // 8080
 */
export function readBlank({ type, oneOf }: TemplateParameter, text: string): Scalar | undefined {
  const value = readScalar(type, text);
  return value === undefined || (oneOf && !oneOf.includes(value)) ? undefined : value;
}

function readScalar(type: TemplateParameter['type'], text: string): Scalar | undefined {
  if (type === 'boolean') return ({ true: true, false: false } as Record<string, boolean>)[text];
  if (type === 'string') return /\p{Cc}/u.test(text) ? undefined : text;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const isRight = type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value);
  return isRight ? value : undefined;
}

/**
 * What a parameter takes, in words.
 * @example
 * wanted({ name: 'port', type: 'integer', description: 'The port' }); // 'must be a whole number'
 */
export const wanted = ({ type, oneOf }: TemplateParameter): string =>
  oneOf ? `must be one of ${oneOf.join(', ')}` : type === 'integer' ? 'must be a whole number' : `must be a ${type}`;

/** A file to be written. */
export interface FilledFile {
  /** Within the folder that the template is applied to. */
  readonly path: string;
  readonly text: string;
}

/**
 * A file of a template with its blanks filled in. What is typed stays one value: it can't become another part of YAML
 * or JSON.
 * @throws TemplateError `template_invalid` for a parameter that the template does not declare, and for a path that leads out
 * of the folder
 */
export function fillFile(template: Template, to: string, text: string, values: TemplateValues): FilledFile {
  const fill = (part: string): Scalar => fillText(template, part, values);
  const path = normalize(String(fill(to)));
  if (isAbsolute(path) || path.startsWith('..')) {
    const detail = `the template ${template.name} would write ${path}, which is not in its folder`;
    throw new TemplateError('template_invalid', detail);
  }
  if (path.endsWith('.json')) {
    const document = mapJson(JSON.parse(text), fill);
    return { path, text: `${JSON.stringify(document, null, 2)}\n` };
  }
  return { path, text: /\.ya?ml$/.test(path) ? fillYaml(text, fill) : String(fill(text)) };
}

const blanks = /\$\{param:([A-Za-z0-9]*)\}/g;

/** A text that is one blank takes its type; in any other the value is written. */
function fillText({ name }: Template, text: string, values: TemplateValues): Scalar {
  const read = (key: string): Scalar => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    if (value !== undefined) return value;
    const detail = `the template ${name} can't be used: it does not declare its parameter ${key}`;
    throw new TemplateError('template_invalid', detail);
  };
  const whole = /^\$\{param:([A-Za-z0-9]*)\}$/.exec(text)?.[1];
  return whole === undefined ? text.replace(blanks, (_, key: string) => String(read(key))) : read(whole);
}

function mapJson(value: JsonValue, fill: (text: string) => Scalar): JsonValue {
  if (typeof value === 'string') return fill(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => mapJson(item, fill));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [String(fill(key)), mapJson(member, fill)]));
}

/** The document is filled in, not its text; comments too. */
function fillYaml(text: string, fill: (text: string) => Scalar): string {
  const document = parseDocument(text);
  const fillComments = (node: object): void => {
    for (const place of ['commentBefore', 'comment'] as const) {
      const comment = Reflect.get(node, place);
      if (typeof comment === 'string') Reflect.set(node, place, String(fill(comment)));
    }
  };
  fillComments(document);
  visit(document, {
    Node(_, node) {
      fillComments(node);
      if (isScalar(node) && typeof node.value === 'string' && node.value.includes('${param:')) {
        node.value = fill(node.value);
        node.type = 'PLAIN';
      }
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}
