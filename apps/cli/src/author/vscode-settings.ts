import { CommandError } from '../exit-codes.ts';
import { type JsoncNode, parseJsonc } from './jsonc.ts';

/**
 * The text of `.vscode/settings.json` with a schema for the files of a service. All that is there stays, comments too.
 * @throws CommandError refused for a text that is no settings
 */
export function vscodeSettings(existing: string, schemaPath: string, patterns: readonly string[]): string {
  const text = existing.trim() === '' ? '{}\n' : existing;
  const root = parseJsonc(text);
  if (root?.kind !== 'object') throw unreadable(schemaPath, patterns);
  const schemas = memberOf(root, 'yaml.schemas');
  if (!schemas) return setMember(text, root, 'yaml.schemas', { [schemaPath]: patterns });
  if (schemas.kind !== 'object') throw unreadable(schemaPath, patterns);
  const known = memberOf(schemas, schemaPath);
  const all = [...new Set([...(known ? patternsOf(known) : []), ...patterns])];
  return setMember(text, schemas, schemaPath, all);
}

const unreadable = (schemaPath: string, patterns: readonly string[]): CommandError =>
  new CommandError(
    'refused',
    `.vscode/settings.json can't be read as settings, so nothing is changed in it; mend it, or add to it by hand: ` +
      `"yaml.schemas": ${JSON.stringify({ [schemaPath]: patterns })}`,
    { code: 'settings_unreadable' },
  );

type ObjectNode = Extract<JsoncNode, { kind: 'object' }>;

const memberOf = ({ members }: ObjectNode, name: string): JsoncNode | undefined =>
  members.findLast((member) => member.name === name)?.value;

function patternsOf(node: JsoncNode): string[] {
  const nodes = node.kind === 'list' ? node.items : [node];
  return nodes.flatMap((each) => (each.kind === 'scalar' && typeof each.value === 'string' ? [each.value] : []));
}

/** The text with one member of an object replaced, or put behind its last. */
function setMember(text: string, object: ObjectNode, name: string, value: unknown): string {
  const known = memberOf(object, name);
  const outer = /[^\n]*$/.exec(text.slice(0, object.start))?.[0] ?? '';
  const margin = /^\s*/.exec(outer)?.[0] ?? '';
  const inner = `${margin}  `;
  const written = JSON.stringify(value, null, 2).replaceAll('\n', `\n${inner}`);
  if (known) return text.slice(0, known.start) + written + text.slice(known.end);
  const entry = `${inner}${JSON.stringify(name)}: ${written}`;
  const last = object.members.at(-1)?.value;
  const [before, after] = [text.slice(0, last?.end ?? object.end - 1), text.slice(last?.end ?? object.end - 1)];
  if (!last) return `${before.trimEnd()}\n${entry}\n${margin}${after}`;
  // A comment may stand between the last member and the brace.
  const rest = after.startsWith(',') ? after.slice(1) : after;
  return `${before},\n${entry}${rest}`;
}
