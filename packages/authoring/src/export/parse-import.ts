import type { ParsedImport, PresentDocument } from '@setpoint/engine';
import { parseYamlFile } from '@setpoint/engine';
import { type Fault, isJsonObject, type JsonObject } from '@setpoint/protocol';
import { keepSecrets } from './kept-secrets.ts';

/**
 * Reads an export, or any document: what the service is to have. A marker keeps the present secret at its place, also
 * where its list was put into another order. Nothing secret is in a fault.
 */
export function parseImport(text: string, format: 'yaml' | 'json', present: PresentDocument): ParsedImport {
  const parsed = parseYamlFile(text, `import.${format}`);
  if (parsed.kind === 'faults') return { faults: parsed.faults.map(withoutFile) };
  const { document, locate } = parsed.layer;
  const [bare, around] = format === 'json' ? unwrap(document) : [document, ''];
  const { values, faults } = keepSecrets(bare, present);
  if (faults.length === 0) return { values };
  return {
    faults: faults.map((fault) => {
      const line = locate(`${around}${fault.pointer}`)?.line;
      return { ...fault, ...(line !== undefined && { line }) };
    }),
  };
}

/** The document, and where in the text it stands: an export has it beside what it says of it. */
function unwrap(document: JsonObject): readonly [document: JsonObject, around: string] {
  const { $setpoint, values, ...others } = document;
  const isExport = isJsonObject($setpoint) && isJsonObject(values) && Object.keys(others).length === 0;
  return isExport ? [values, '/values'] : [document, ''];
}

/** It has none: it came with a request. */
const withoutFile = ({ file: _, ...fault }: Fault): Fault => fault;
