import type { Fault, JsonObject, PatchOperation, Pointer } from '@setpoint/protocol';
import type { SecretTest } from '../schema/redact.ts';
import type { CompiledSchema } from '../schema/schema.ts';

export type Severity = NonNullable<Fault['severity']>;
export type Level = NonNullable<Fault['level']>;

/** One thing that is asked of documents besides their schema. */
export interface Rule {
  /** Unique; `<level>/<name>` by custom. */
  readonly id: string;
  readonly level: Level;
  /** `error` and `critical` refuse a change; `info` is told only by a validation that was asked for. */
  readonly severity: Severity;
  /**
   * The services whose changes it is asked about, by name, or by pattern: `*` stands for any letters. One about several
   * services together names all of them. @default every service
   */
  readonly services?: readonly string[];
  /** What is wrong; nothing where all is well. Must not change what it is given. */
  check(document: JsonObject, context: RuleContext): Iterable<Finding>;
  /** What would mend one finding, as a JSON Patch. It is proposed only where the patched document is valid. */
  fix?(document: JsonObject, finding: Finding): readonly PatchOperation[] | undefined;
}

/** One thing that a rule finds. */
export interface Finding {
  /** @default "" (the document) */
  readonly pointer?: Pointer;
  readonly message: string;
  readonly expected?: string;
  readonly suggestion?: string;
}

/** The services as they stand. */
export interface OtherServices {
  /** Those that exist. */
  services(): readonly string[];
  documentOf(service: string): JsonObject | undefined;
  schemaOf(service: string): CompiledSchema | undefined;
  /** Is a place of another service secret? */
  isSecret(service: string, pointer: Pointer): boolean;
  /** What a whole service depends on. */
  dependsOn(service: string): readonly string[];
}

export const noOtherServices: OtherServices = {
  services: () => [],
  documentOf: () => undefined,
  schemaOf: () => undefined,
  isSecret: () => true,
  dependsOn: () => [],
};

/** What a rule may look at besides the document. */
export interface RuleContext {
  readonly service: string;
  /** With the document that is checked in place of the present one. */
  readonly otherServices: OtherServices;
  /** The service's own schema, or that of a running instance. */
  readonly schema: CompiledSchema | undefined;
  /** Where the service runs, as its policy says. */
  readonly environment: string | undefined;
  readonly isSecret: SecretTest;
  /** Whether a value was set, rather than added by a default of the schema. */
  isGiven(pointer: Pointer): boolean;
}

/** Rules ready to be asked. */
export interface RuleSet {
  readonly rules: readonly Rule[];
  /** Those that speak of a service. */
  about(service: string): readonly Rule[];
}

/**
 * The rules that are asked, found by the service that they are about.
 * @example
 * const rules = createRuleSet([
 *   { id: 'ops/no-debug', level: 'best_practice', severity: 'warning', check: ({ debug }) => (debug ? [{ message: 'is on' }] : []) },
 * ]);
 * const engine = await createEngine({ store, rules: () => rules });
 */
export function createRuleSet(rules: readonly Rule[]): RuleSet {
  const known = new Map<string, readonly Rule[]>();
  const tests = rules.map(({ services }) => services?.map(toTest));
  return {
    rules,
    about(service) {
      const found = known.get(service) ?? rules.filter((_, i) => tests[i]?.some((isMeant) => isMeant(service)) ?? true);
      known.set(service, found);
      return found;
    },
  };
}

export const noRules: RuleSet = createRuleSet([]);

function toTest(pattern: string): (service: string) => boolean {
  if (!pattern.includes('*')) return (service) => service === pattern;
  const parts = pattern.split('*').map((part) => part.replace(/[^\w-]/g, '\\$&'));
  const expression = new RegExp(`^${parts.join('.*')}$`);
  return (service) => expression.test(service);
}
