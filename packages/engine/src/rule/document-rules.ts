import { type JsonObject, type JsonValue, portableEnvelopeBytes, readPointer } from '@setpoint/protocol';
import { type Dependency, findCycles, findDependencies, formatPlace, isMissing } from './dependency-graph.ts';
import { sizeOf } from './document-size.ts';
import type { Finding, Rule, RuleContext } from './rule.ts';
import { walkValues } from './walk-values.ts';

/** What an envelope takes besides the document. */
const envelopeBytes = 4096;

/** Rules that look at a whole document, or at others beside it. */
export const documentRules: readonly Rule[] = [
  {
    id: 'performance/large-document',
    level: 'performance',
    severity: 'warning',
    check(document) {
      const size = sizeOf(document);
      const limit = portableEnvelopeBytes - envelopeBytes;
      if (size <= limit) return [];
      const message = `the document is ${size} bytes; past ${limit} some brokers refuse it as they come`;
      return [{ message }];
    },
  },
  { id: 'cross_reference/dangling', level: 'cross_reference', severity: 'error', check: findDangling },
  { id: 'cross_reference/missing-dependency', level: 'cross_reference', severity: 'warning', check: findMissing },
  { id: 'cross_reference/dependency-cycle', level: 'cross_reference', severity: 'warning', check: findCircles },
];

/** `x-ref: /models` says that the value is the name of a member, or an item, of what stands at /models. */
function findDangling(document: JsonObject, { schema, isSecret }: RuleContext): Finding[] {
  if (!schema?.isAnnotated('x-ref')) return [];
  const findings: Finding[] = [];
  walkValues(document, schema.shape, ({ value, parts, pointer }) => {
    const target = parts.find((part) => part['x-ref'] !== undefined)?.['x-ref'];
    if (typeof target !== 'string' || value === null || typeof value === 'object') return;
    const names = namesAt(readPointer(document, target));
    if (names.includes(String(value))) return;
    const expected =
      isSecret(target) || names.length === 0 ? `one of ${target}` : `one of ${names.slice(0, 20).join(', ')}`;
    findings.push({ pointer: pointer(), message: `names nothing that stands at ${target}`, expected });
  });
  return findings;
}

/** Members by name, items by their value or, for sections, by their id or name. */
function namesAt(value: JsonValue | undefined): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (!Array.isArray(value)) return Object.keys(value);
  return value.flatMap((item) => {
    const name = typeof item === 'object' && item !== null ? (item.id ?? item.name) : item;
    return name === undefined || typeof name === 'object' ? [] : [String(name)];
  });
}

const dependenciesOf = (document: JsonObject, { service, schema, otherServices }: RuleContext): Dependency[] =>
  findDependencies(service, document, schema, otherServices.dependsOn(service));

function findMissing(document: JsonObject, context: RuleContext): Finding[] {
  const { service, otherServices } = context;
  const documentOf = (name: string) => (name === service ? document : otherServices.documentOf(name));
  return dependenciesOf(document, context)
    .filter(({ to }) => isMissing(to, documentOf))
    .map(({ from, to }) => ({
      pointer: from.pointer,
      message: `depends on ${formatPlace(to)}, which is not there`,
    }));
}

function findCircles(document: JsonObject, context: RuleContext): Finding[] {
  const { service, otherServices } = context;
  const own = dependenciesOf(document, context);
  if (own.length === 0) return [];
  const known = new Map<string, readonly Dependency[]>([[service, own]]);
  const edgesOf = (name: string): readonly Dependency[] => {
    const there = known.get(name);
    if (there) return there;
    const other = otherServices.documentOf(name) ?? {};
    const edges = findDependencies(name, other, otherServices.schemaOf(name), otherServices.dependsOn(name));
    known.set(name, edges);
    return edges;
  };
  return findCycles(own, edgesOf).map((way) => ({
    pointer: way[0]?.from.pointer ?? '',
    message: `depends on itself: ${[...way.map(({ from }) => from), way[0]?.from].map((place) => place && formatPlace(place)).join(' → ')}`,
  }));
}
