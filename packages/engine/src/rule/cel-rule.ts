import {
  type CelFunc,
  type CelInput,
  type CelMap,
  CelScalar,
  celEnv,
  celFunc,
  celMap,
  isCelError,
  parse,
  plan,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { isJsonObject, type JsonObject, type JsonValue } from '@setpoint/protocol';
import type { OtherServices, Rule, RuleContext } from './rule.ts';

/** A rule as a file says it. */
export interface CelRule extends Omit<Rule, 'check' | 'fix'> {
  /** Where it is false, the rule is not asked. */
  readonly when?: string;
  /** True where all is well. */
  readonly expression: string;
  readonly message: string;
  readonly pointer?: string;
}

/** A setting is a number, whole or not; a literal without a point is whole. They are reckoned with together. */
const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
  '_+_': (a, b) => a + b,
  '_-_': (a, b) => a - b,
  '_*_': (a, b) => a * b,
  '_/_': (a, b) => a / b,
};

const { DOUBLE, INT } = CelScalar;

const mixed: CelFunc[] = Object.entries(arithmetic).flatMap(([name, reckon]) => [
  celFunc(name, [DOUBLE, INT], DOUBLE, (a, b) => reckon(a, Number(b))),
  celFunc(name, [INT, DOUBLE], DOUBLE, (a, b) => reckon(Number(a), b)),
]);

const environment = celEnv({ funcs: [...strings, ...mixed] });
const variables = ['config', 'services', 'service'];

/**
 * Makes a rule of CEL expressions over `config` (the document), `services` (all documents by name) and `service`.
 * @throws Error saying which expression is wrong, and how
 */
export function createCelRule({ when, expression, message, pointer, ...rule }: CelRule): Rule {
  const isMeant = when === undefined ? always : compile(when, 'when');
  const isWell = compile(expression, 'expression');
  const finding = { message, ...(pointer !== undefined && { pointer }) };
  return {
    ...rule,
    *check(document, context) {
      // Services come one after another: what is said of one that is not there yet is asked when it is.
      const isThere = (name: string): boolean => context.otherServices.documentOf(name) !== undefined;
      if (![...isMeant.services, ...isWell.services].every(isThere)) return;
      const bindings = bindingsOf(document, context);
      if (isMeant.isTrue(bindings) && !isWell.isTrue(bindings)) yield finding;
    },
  };
}

type Bindings = Record<string, CelInput>;

interface Condition {
  /** The other services that it reads. */
  readonly services: readonly string[];
  isTrue(bindings: Bindings): boolean;
}

const always: Condition = { services: [], isTrue: () => true };

function compile(text: string, name: string): Condition {
  const { expr } = parseExpression(text, name);
  const { stranger, services } = survey(expr);
  if (stranger !== undefined) throw new Error(`${name}: there is no ${stranger}`);
  const evaluate = plan(environment, expr);
  return {
    services,
    isTrue(bindings) {
      const value = evaluate(bindings);
      if (isCelError(value)) throw new Error(`${name}: ${value.message}`);
      if (typeof value !== 'boolean') throw new Error(`${name}: it must come out as true or false`);
      return value;
    },
  };
}

function parseExpression(text: string, name: string): ReturnType<typeof parse> {
  try {
    return parse(text);
  } catch (cause) {
    throw new Error(`${name}: ${(cause as Error).message.replace('<input>:', '')}`, { cause });
  }
}

interface Survey {
  /** What it names and nobody has: found when it is read, not when it first comes to be asked. */
  readonly stranger: string | undefined;
  readonly services: readonly string[];
}

type Node = { readonly case?: string; readonly value?: Readonly<Record<string, unknown>> };

function survey(expression: unknown): Survey {
  const names = new Set<unknown>();
  const functions = new Set<string>();
  const services = new Set<string>();
  const known = new Set<unknown>(variables);
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { case: kind, value = {} } = node as Node;
    if (kind === 'identExpr') names.add(value.name);
    if (kind === 'callExpr') functions.add(String(value.function));
    if (kind === 'comprehensionExpr') for (const at of ['iterVar', 'iterVar2', 'accuVar']) known.add(value[at]);
    const service = serviceOf(kind, value);
    if (service !== undefined) services.add(service);
    for (const inner of Object.values(node)) walk(inner);
  };
  walk(expression);
  const name = [...names].find((each) => !known.has(each));
  const called = [...functions].find((each) => /^[a-z]/i.test(each) && environment.funcs.find(each) === undefined);
  const variable = name === undefined ? undefined : `variable ${name}; there are ${variables.join(', ')}`;
  return { stranger: variable ?? (called && `function ${called}`), services: [...services] };
}

/** `services.mqtt` and `services["mqtt"]`, but not `has(services.mqtt)`. */
function serviceOf(kind: string | undefined, value: NonNullable<Node['value']>): string | undefined {
  const [of, name] =
    kind === 'selectExpr' && !value.testOnly
      ? [value.operand, value.field]
      : kind === 'callExpr' && value.function === '_[_]'
        ? [(value.args as unknown[])[0], textOf((value.args as unknown[])[1])]
        : [];
  return nodeOf(of)?.value?.name === 'services' && typeof name === 'string' ? name : undefined;
}

const nodeOf = (expression: unknown): Node | undefined => (expression as { exprKind?: Node } | undefined)?.exprKind;

function textOf(expression: unknown): unknown {
  const constant = nodeOf(expression)?.value?.constantKind as Node | undefined;
  return constant?.value;
}

const bindingsOf = (document: JsonObject, { service, otherServices }: RuleContext): Bindings => ({
  config: toCel(document),
  // Only an expression that speaks of other services needs them.
  get services() {
    return servicesOf(otherServices);
  },
  service,
});

/** The library would convert an object each time it is looked into; converted once, they are as quick as maps. */
const converted = new WeakMap<object, CelInput>();

function toCel(value: JsonValue): CelInput {
  if (typeof value !== 'object' || value === null) return value;
  const known = converted.get(value);
  if (known !== undefined) return known;
  const made = isJsonObject(value) ? toMap(Object.entries(value)) : (value as readonly JsonValue[]).map(toCel);
  converted.set(value, made);
  return made;
}

const toMap = (entries: readonly (readonly [string, JsonValue])[]): CelMap =>
  celMap(new Map(entries.map(([name, value]) => [name, toCel(value)] as const)));

const servicesOf = (otherServices: OtherServices): CelInput =>
  toMap(otherServices.services().flatMap((name) => pairOf(name, otherServices.documentOf(name))));

const pairOf = (name: string, document: JsonObject | undefined): (readonly [string, JsonValue])[] =>
  document ? [[name, document]] : [];
