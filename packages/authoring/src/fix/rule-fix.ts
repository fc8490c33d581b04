import type { Rule } from '@setpoint/engine';
import { runWithin } from '@setpoint/engine/internal';
import type { Fault, JsonObject, PatchOperation, Pointer } from '@setpoint/protocol';

/** A fix is looked for when somebody asks; it must not hold up those who don't. Milliseconds. */
const fixLimitMs = 100;

/** What a rule says would mend its finding. Undefined where it says nothing in time, or what is no JSON Patch. */
export function askRule(rule: Rule, document: JsonObject, fault: Fault): readonly PatchOperation[] | undefined {
  let said: unknown;
  try {
    runWithin(fixLimitMs, () => {
      // Plain data from here on: what a module hands out may be anything.
      said = JSON.parse(JSON.stringify(rule.fix?.(document, fault) ?? null));
    });
  } catch {
    return undefined;
  }
  return Array.isArray(said) && said.length > 0 && said.every(isOperation) ? said : undefined;
}

function isOperation(said: unknown): said is PatchOperation {
  if (typeof said !== 'object' || said === null) return false;
  const { op, path, from } = said as { readonly op?: unknown; readonly path?: unknown; readonly from?: unknown };
  if (!isPointer(path)) return false;
  if (op === 'move' || op === 'copy') return isPointer(from);
  return op === 'remove' || ((op === 'add' || op === 'replace' || op === 'test') && 'value' in said);
}

const isPointer = (said: unknown): said is Pointer => typeof said === 'string' && /^(\/([^~/]|~[01])*)*$/.test(said);
