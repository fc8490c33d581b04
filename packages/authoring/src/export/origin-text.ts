import type { ExportSource } from '@setpoint/engine';
import { appendToken, type Explanation, type LayerValue, type Pointer, parsePointer } from '@setpoint/protocol';

/** Where a value comes from, on one line: `runtime_update by alice, v7`, `yaml_file stt-worker.yaml:12`, `default`. */
export function originText({ layer, name, file, line, author, version }: LayerValue): string {
  const place = file === undefined ? undefined : `${file}${line === undefined ? '' : `:${line}`}`;
  const who = [author === undefined ? '' : `by ${author}`, version === undefined ? '' : `v${version}`];
  const by = who.filter((part) => part !== '').join(', ');
  return oneLine([layer, name, place, by].filter((part) => part !== undefined && part !== '').join(' '));
}

/** File names and authors come from elsewhere: none of them ends a comment. */
const oneLine = (text: string): string =>
  text.toWellFormed().replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff\ufffe\uffff]/gu, '\ufffd');

/** Finds where the value at a place comes from: what is said of the place, or of the nearest around it. */
export function createOriginOf(explanation: readonly Explanation[]): (pointer: Pointer) => Explanation | undefined {
  const known = new Map(explanation.map((each) => [each.pointer, each]));
  return (pointer) => {
    let found = known.get('');
    let at = '';
    for (const token of parsePointer(pointer)) {
      at = appendToken(at, token);
      found = known.get(at) ?? found;
    }
    return found;
  };
}

/** What stands at the top of an export, line by line. */
export function headerLines({ service, stamp, explanation, now }: ExportSource): string[] {
  const counts = Map.groupBy(explanation, ({ layer }) => layer);
  const layers = [...counts].map(([layer, values]) => `${layer} ${values.length}`);
  return [
    `${service}, version ${stamp.version} of epoch ${stamp.epoch}, by ${stamp.author} at ${stamp.committedAt}`,
    `exported ${new Date(now).toISOString()}`,
    `digest ${stamp.digest}`,
    `layers: ${layers.length === 0 ? 'unknown' : layers.join(', ')}`,
  ].map(oneLine);
}

export const commentLines = (lines: readonly string[]): string[] => lines.map((line) => `# ${line}`);
