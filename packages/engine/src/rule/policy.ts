import type { Fault, JsonObject } from '@setpoint/protocol';
import { parseYamlFile } from '../layer/yaml-file.ts';
import { type CompiledSchema, compileSchema } from '../schema/schema.ts';
import { placeFault, validate } from '../schema/validate.ts';

/** The policies of an organisation for its services. */
export interface Policies {
  of(service: string): ServicePolicy;
  readonly retention: Retention;
}

export interface ServicePolicy {
  /** Warnings refuse a change, as errors do. */
  readonly strict: boolean;
  /** What becomes of a runtime update that only a restart would apply: refused, or stored, published and marked. */
  readonly restartRequired: 'reject' | 'accept';
  /** Where the service runs, "production" for instance: rules of the environment ask for it. */
  readonly environment?: string;
  readonly disabledRules: readonly DisabledRule[];
  /** What the whole service depends on: `service` or `service#/pointer`. */
  readonly dependsOn: readonly string[];
}

export interface DisabledRule {
  readonly rule: string;
  readonly reason: string;
}

/** What is kept of the history. */
export interface Retention {
  readonly versions: number;
  readonly days: number;
}

export type ParsedPolicies =
  | { readonly kind: 'policies'; readonly policies: Policies }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[] };

const defaultRetention: Retention = { versions: 1000, days: 90 };

/** Without a policy: warnings pass, and an update that needs a restart is refused. */
export const defaultPolicy: ServicePolicy = {
  strict: false,
  restartRequired: 'reject',
  disabledRules: [],
  dependsOn: [],
};

export const defaultPolicies: Policies = { of: () => defaultPolicy, retention: defaultRetention };

const settings: JsonObject = {
  strict: { type: 'boolean' },
  restartRequired: { enum: ['reject', 'accept'] },
  environment: { type: 'string', minLength: 1 },
  disabledRules: {
    type: 'array',
    items: {
      type: 'object',
      required: ['rule', 'reason'],
      properties: { rule: { type: 'string', minLength: 1 }, reason: { type: 'string', minLength: 1 } },
    },
  },
};

const service: JsonObject = {
  type: 'object',
  properties: {
    ...settings,
    dependsOn: { type: 'array', items: { type: 'string', pattern: '^[a-z0-9_-]+(#(/.*)?)?$' } },
  },
};

const days: JsonObject = { type: 'integer', minimum: 1 };

const policySchema: JsonObject = {
  type: 'object',
  properties: {
    defaults: { type: 'object', properties: settings },
    services: { type: 'object', propertyNames: { pattern: '^[a-z0-9_-]+$' }, additionalProperties: service },
    retention: { type: 'object', properties: { versions: days, days } },
  },
};

let compiled: CompiledSchema | undefined;

interface PolicyFile {
  readonly defaults?: Partial<ServicePolicy>;
  readonly services?: Readonly<Record<string, Partial<ServicePolicy>>>;
  readonly retention?: Partial<Retention>;
}

/**
 * Reads `_policy.yaml`. What it says of a service replaces what its defaults say; rules that either disables are disabled.
 * @example
 * const parsed = parsePolicies('services: { vad: { strict: true } }', '_policy.yaml');
 */
export function parsePolicies(text: string, file: string): ParsedPolicies {
  const parsed = parseYamlFile(text, file);
  if (parsed.kind === 'faults') return parsed;
  compiled ??= compileSchema(policySchema);
  const { document, locate } = parsed.layer;
  const faults = validate(document, { own: compiled, contracts: [], isSecret: () => false });
  if (faults.length > 0) return { kind: 'faults', faults: faults.map((fault) => placeFault(fault, locate)) };
  return { kind: 'policies', policies: toPolicies(document as PolicyFile) };
}

function toPolicies({ defaults = {}, services = {}, retention }: PolicyFile): Policies {
  const common: ServicePolicy = { ...defaultPolicy, ...defaults };
  const named = new Map(
    Object.entries(services).map(([name, own]) => {
      const disabledRules = [...common.disabledRules, ...(own.disabledRules ?? [])];
      return [name, { ...common, ...own, disabledRules }] as const;
    }),
  );
  return { of: (name) => named.get(name) ?? common, retention: { ...defaultRetention, ...retention } };
}
