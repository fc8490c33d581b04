import { type Fault, type JsonObject, levels, severities } from '@setpoint/protocol';
import { parseYamlFile } from '../layer/yaml-file.ts';
import { type CompiledSchema, compileSchema } from '../schema/schema.ts';
import { placeFault, validate } from '../schema/validate.ts';
import type { CelRule } from './cel-rule.ts';
import type { Rule } from './rule.ts';

export type ParsedRules =
  | { readonly kind: 'rules'; readonly rules: readonly Rule[] }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[] };

const text: JsonObject = { type: 'string', minLength: 1 };

const ruleFileSchema: JsonObject = {
  type: 'object',
  required: ['rules'],
  properties: {
    rules: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'level', 'severity', 'expression', 'message'],
        properties: {
          id: text,
          level: { enum: levels },
          severity: { enum: severities },
          services: { type: 'array', minItems: 1, items: text },
          when: text,
          expression: text,
          message: text,
          pointer: { type: 'string', pattern: '^(/([^~/]|~[01])*)*$' },
        },
      },
    },
  },
};

let compiled: CompiledSchema | undefined;

/**
 * Reads the rules of a YAML file, written in CEL: all of them, or everything that is wrong with its line.
 * @example
 * const parsed = await parseRuleFile(await readFile(path, 'utf8'), path);
 */
export async function parseRuleFile(content: string, file: string): Promise<ParsedRules> {
  const parsed = parseYamlFile(content, file);
  if (parsed.kind === 'faults') return parsed;
  const { document, locate } = parsed.layer;
  compiled ??= compileSchema(ruleFileSchema);
  const faults = [...validate(document, { own: compiled, contracts: [], isSecret: () => false })];
  const rules: Rule[] = [];
  if (faults.length === 0) {
    // CEL is a large part of all that the engine loads; most have no rules in it.
    const { createCelRule } = await import('./cel-rule.ts');
    // The document has no fault by the schema of rule files.
    for (const [i, rule] of (document.rules as unknown as CelRule[]).entries()) {
      try {
        rules.push(createCelRule(rule));
      } catch (cause) {
        const [name, ...why] = (cause as Error).message.split(': ');
        faults.push({ pointer: `/rules/${i}/${name}`, message: why.join(': ') });
      }
    }
  }
  return faults.length > 0
    ? { kind: 'faults', faults: faults.map((fault) => placeFault(fault, locate)) }
    : { kind: 'rules', rules };
}
