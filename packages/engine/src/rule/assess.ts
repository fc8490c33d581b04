import type { Fault, JsonObject, Pointer } from '@setpoint/protocol';
import { type ValidationRules, validate } from '../schema/validate.ts';
import { checkRules, toFault } from './check-rules.ts';
import { checkValues } from './check-values.ts';
import { documentRules } from './document-rules.ts';
import { type Confidential, hideSecrets } from './hide-secrets.ts';
import type { ServicePolicy } from './policy.ts';
import type { OtherServices, Rule, RuleContext, RuleSet } from './rule.ts';
import { infoRules, type ValueRule, valueRules } from './value-rules.ts';

export interface AssessContext extends ValidationRules {
  readonly service: string;
  readonly policy: ServicePolicy;
  readonly rules: RuleSet;
  /** The other services, as they stand. */
  readonly otherServices: OtherServices;
  /** Whether a value was set, rather than added by a default of the schema. */
  isGiven(pointer: Pointer): boolean;
  /** Also returns findings of the severity "info". */
  readonly isThorough: boolean;
}

export interface Assessment {
  /** What refuses the document. */
  readonly faults: readonly Fault[];
  /** What is legal and risky. */
  readonly warnings: readonly Fault[];
}

/** Everything that is wrong with a document: what its schemas refuse, and what the rules find. */
export function assess(document: JsonObject, context: AssessContext): Assessment {
  const { policy, service } = context;
  const [invalid, unchecked] = divide(validate(document, context), ({ severity }) => severity !== 'warning');
  const disabled = new Set(policy.disabledRules.map(({ rule }) => rule));
  const isAsked = ({ id, severity }: Pick<Rule, 'id' | 'severity'>): boolean =>
    !disabled.has(id) && (context.isThorough || severity !== 'info');
  const seen = createRuleContext(document, context);
  const own = [
    ...checkValues(
      builtIn(context.isThorough).filter(isAsked),
      document,
      seen,
      context.isThorough ? undefined : policy,
    ),
    ...checkBuiltIn(documentRules.filter(isAsked), document, seen),
  ];
  // A rule may rely on what the schema demands.
  const custom =
    invalid.length > 0 ? [] : checkCustom(context.rules.about(service).filter(isAsked), document, seen, context);
  const found = [...own, ...custom];
  if (found.length === 0) return { faults: invalid, warnings: unchecked };
  const refuses = ({ severity = 'error' }: Fault): boolean =>
    severity === 'error' || severity === 'critical' || (policy.strict && severity === 'warning');
  return {
    faults: [...invalid, ...found.filter(refuses)],
    warnings: [...unchecked, ...found.filter((fault) => !refuses(fault))],
  };
}

function divide<T>(all: readonly T[], isFirst: (one: T) => boolean): [first: T[], second: T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}

const everyValueRule: readonly ValueRule[] = [...valueRules, ...infoRules];
const builtIn = (isThorough: boolean): readonly ValueRule[] => (isThorough ? everyValueRule : valueRules);

function createRuleContext(document: JsonObject, context: AssessContext): RuleContext {
  const { service, policy, own, contracts, otherServices, isSecret } = context;
  return {
    service,
    schema: own ?? contracts[0]?.schema,
    environment: policy.environment,
    isSecret,
    isGiven: (pointer) => context.isGiven(pointer),
    otherServices: {
      ...otherServices,
      services: () => [...new Set([...otherServices.services(), service])].sort(),
      documentOf: (name) => (name === service ? document : otherServices.documentOf(name)),
    },
  };
}

/** Built-in rules need no time limit, and what they write holds no values. */
const checkBuiltIn = (rules: readonly Rule[], document: JsonObject, context: RuleContext): Fault[] =>
  rules.flatMap((rule) => [...rule.check(document, context)].map((finding) => toFault(rule, finding)));

function checkCustom(rules: readonly Rule[], document: JsonObject, seen: RuleContext, context: AssessContext): Fault[] {
  const faults = checkRules(rules, document, seen);
  if (faults.length === 0) return faults;
  return hideSecrets(faults, [{ document, isSecret: context.isSecret }, ...documentsAround(context)]);
}

/** What a rule can see besides the document that it is asked about. */
export function documentsAround({
  service,
  otherServices,
}: Pick<AssessContext, 'service' | 'otherServices'>): Confidential[] {
  return otherServices.services().flatMap((name): Confidential[] => {
    const other = name === service ? undefined : otherServices.documentOf(name);
    return other ? [{ document: other, isSecret: (pointer) => otherServices.isSecret(name, pointer) }] : [];
  });
}
