import type { Fault, JsonObject, Pointer } from '@setpoint/protocol';
import type { Place } from '../layer/layer.ts';
import { hideSecrets } from '../rule/hide-secrets.ts';
import { runWithin } from '../rule/time-limit.ts';
import { explainErrors } from './explain-errors.ts';
import { redactFault, type SecretTest } from './redact.ts';
import type { CompiledSchema } from './schema.ts';
import { findUnknownKeys } from './unknown-keys.ts';

/** The schema that an instance runs with. */
export interface LiveContract {
  readonly instance: string;
  readonly schema: CompiledSchema;
}

export interface ValidationRules {
  /** The authority's own schema for the service. */
  readonly own: CompiledSchema | undefined;
  readonly contracts: readonly LiveContract[];
  readonly isSecret: SecretTest;
}

/** Every fault of a document, against the authority's own schema and the contract of every live instance. */
export function validate(document: JsonObject, { own, contracts, isSecret }: ValidationRules): Fault[] {
  // Without a schema of its own the authority knows the names that the live instances know together.
  const naming = own ? [own] : contracts.map(({ schema }) => schema);
  const faults = [
    ...findUnknownKeys(
      naming.map(({ shape }) => shape),
      document,
    ),
    ...(own ? faultsOfOwn(own, document, isSecret) : []),
    ...contracts.flatMap(({ instance, schema }) =>
      schema.digest === own?.digest
        ? []
        : faultsOf(schema, document, uncheckedContract).map((fault) => ({ ...fault, instance })),
    ),
  ];
  return dropRepeated(faults).map((fault) => redactFault(fault, isSecret));
}

function faultsOfOwn(own: CompiledSchema, document: JsonObject, isSecret: SecretTest): readonly Fault[] {
  const faults = faultsOf(own, document, uncheckable);
  if (faults.length > 0) return faults;
  const refined = refineSafely(own, document);
  return refined.length > 0 ? hideSecrets(refined, [{ document, isSecret }]) : refined;
}

function faultsOf(schema: CompiledSchema, document: JsonObject, unchecked: Fault): readonly Fault[] {
  const evaluation = schema.evaluate(document);
  if (!evaluation) return [unchecked];
  const faults = explainErrors(evaluation.errors);
  return evaluation.isComplete ? faults : [...faults, more];
}

const uncheckable: Fault = {
  pointer: '',
  message:
    'takes too many steps to check against the schema of the service; simplify its alternatives and patterns, or split the document',
};

/** Anybody may announce a contract: one that takes too long must not keep operators from changing anything. */
const uncheckedContract: Fault = {
  pointer: '',
  message: 'takes too many steps to check against the contract of this instance, which was not asked',
  severity: 'warning',
  level: 'performance',
  rule: 'performance/unchecked-contract',
};

const more: Fault = { pointer: '', message: 'there is more wrong than is said here; mend this first' };

/** How long the refinements of a schema module may take. Milliseconds. */
const refineLimitMs = 50;

/** A schema module's own function may fail, or not end, at a document that nobody thought of. */
function refineSafely(own: CompiledSchema, document: JsonObject): readonly Fault[] {
  const { refine } = own;
  if (!refine) return [];
  let faults: readonly Fault[] = [];
  try {
    const isDone = runWithin(refineLimitMs, () => {
      faults = refine(document);
    });
    return isDone ? faults : [{ pointer: '', message: `the refinements of the schema took over ${refineLimitMs} ms` }];
  } catch {
    // What was thrown may repeat a secret.
    return [{ pointer: '', message: 'the refinements of the schema failed at this document' }];
  }
}

/** One fault a place and kind: an unknown key that a contract refuses too is told once, by the first that said it. */
function dropRepeated(faults: readonly Fault[]): Fault[] {
  const seen = new Set<string>();
  return faults.filter(({ pointer, message }) => {
    const kind = message.startsWith('is not a known setting') ? 'unknown' : message;
    const key = `${pointer} ${kind}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** A fault with the file and line, or the variable or argument, that it comes from. */
export function placeFault(fault: Fault, locate: (pointer: Pointer) => Place | undefined): Fault {
  const place = locate(fault.pointer);
  if (!place) return fault;
  const { file, line, name } = place;
  return {
    ...fault,
    ...(name !== undefined && { message: `${fault.message} (said by ${name})` }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
  };
}
