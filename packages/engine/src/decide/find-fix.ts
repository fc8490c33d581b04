import type { Fault, Fix, JsonObject, Problem } from '@setpoint/protocol';
import type { Authoring } from '../authoring.ts';
import { assess, documentsAround } from '../rule/assess.ts';
import { type Invalid, maxFaults } from './propose.ts';
import type { RewriteRequest } from './target.ts';

interface InvalidDocument {
  readonly problem: Problem;
  readonly invalid: Invalid;
}

/** A fix for the document, to add to the result of a validation that asked for one; empty where none is known. */
export function findFix(
  { problem, invalid: { document, faults, context } }: InvalidDocument,
  request: Extract<RewriteRequest, { op: 'validate' }>,
  before: JsonObject,
  authoring: Authoring | undefined,
): { readonly fix?: Fix; readonly problem?: Problem } {
  const { own, contracts, isSecret, rules, service } = context;
  const schema = own ?? contracts[0]?.schema;
  if (!schema || !authoring) return {};
  const check = (mended: JsonObject): readonly Fault[] => assess(mended, { ...context, isThorough: false }).faults;
  const withheld: Fault[] = [];
  const proposal = authoring.proposeFix(document, faults, schema, {
    clamp: request.fix === 'clamp',
    isSecret,
    check,
    present: 'patch' in request ? before : undefined,
    rules: rules.about(service),
    confidential: documentsAround(context),
    onWithheld: (fault) => withheld.push(fault),
  });
  const isWithheld = ({ pointer, rule }: Fault): boolean =>
    withheld.some((fault) => fault.pointer === pointer && fault.rule === rule);
  const say = (fault: Fault): Fault =>
    isWithheld(fault) ? { ...fault, message: `${fault.message}; ${withheldWords}` } : fault;
  const told =
    withheld.length > 0 && problem.errors ? { problem: { ...problem, errors: problem.errors.map(say) } } : {};
  if (!proposal) return told;
  const { patch, remaining } = proposal;
  return {
    ...told,
    fix: { patch, complete: remaining.length === 0, remaining: remaining.slice(0, maxFaults).map(say) },
  };
}

const withheldWords = 'its rule knows a fix, which would show a secret and is left out';
