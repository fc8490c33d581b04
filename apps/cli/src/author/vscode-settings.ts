import { isJsonObject, type JsonValue } from '@setpoint/protocol';
import { applyEdits, type JSONPath, modify, type ParseError, parse } from 'jsonc-parser';
import { CommandError } from '../exit-codes.ts';

/**
 * Returns the text of `.vscode/settings.json` with a schema for the files of a service added. Everything that is there
 * stays, including comments.
 * @throws CommandError refused for a text that is no settings
 */
export function vscodeSettings(existing: string, schemaPath: string, patterns: readonly string[]): string {
  const text = existing.trim() === '' ? '{}\n' : existing.replace(/^\ufeff/, '');
  const errors: ParseError[] = [];
  const settings: unknown = parse(text, errors, { allowTrailingComma: true });
  const schemas = isJsonObject(settings) ? (settings['yaml.schemas'] ?? {}) : undefined;
  if (errors.length > 0 || !isJsonObject(schemas)) throw unreadable(schemaPath, patterns);
  if (Object.keys(schemas).length === 0) return set(text, ['yaml.schemas'], { [schemaPath]: [...patterns] });
  const all = [...new Set([...patternsOf(schemas[schemaPath]), ...patterns])];
  return set(text, ['yaml.schemas', schemaPath], all);
}

const unreadable = (schemaPath: string, patterns: readonly string[]): CommandError =>
  new CommandError(
    'refused',
    `.vscode/settings.json can't be read as settings, so nothing is changed in it; mend it, or add to it by hand: ` +
      `"yaml.schemas": ${JSON.stringify({ [schemaPath]: patterns })}`,
    { code: 'settings_unreadable' },
  );

/** A schema may be for one pattern or a list of them. */
const patternsOf = (value: JsonValue | undefined): string[] =>
  [value].flat().filter((pattern) => typeof pattern === 'string');

const set = (text: string, path: JSONPath, value: JsonValue): string =>
  applyEdits(text, modify(text, path, value, { formattingOptions: { tabSize: 2, insertSpaces: true, eol: '\n' } }));
