import { type Difference, type LayerName, layerNames, parseName, type Side } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode } from '../exit-codes.ts';
import { parseLabel, parseVersionName } from '../input/request-options.ts';
import { readTextFile } from '../input/text-file.ts';
import { parseDocumentFile } from '../input/yaml-file.ts';
import { faultLines } from '../output/result-text.ts';
import { alignColumns } from '../output/table.ts';
import { differenceText, printable } from '../output/value-text.ts';
import type { DefineVerb } from './verb.ts';

const diffNotes = `
A side is a version by number or tag, "present", or one of
  layer:<name>     what one layer says: cli_argument, runtime_update, environment, env_file, yaml_file, default
  service:<name>   the present document of another service
  draft:<name>     what the service would be with a draft
  file:<path>      a YAML or JSON file

Examples:
  setpoint diff stt-worker 3 5
  setpoint diff stt-worker release-12 present
  setpoint diff stt-worker layer:yaml_file present
  setpoint diff stt-worker present file:stt-worker.yaml`;

export const define: DefineVerb = (command, act) => {
  command
    .addHelpText('after', diffNotes)
    .action((service: string, from: string, to: string) => act((context) => diff(service, from, to, context)));
};

/** Prints what differs between two sides; secrets are masked by the authority. */
export async function diff(service: string, from: string, to: string, context: Context): Promise<ExitCode> {
  const operation = { op: 'diff', from: await parseSide(from), to: await parseSide(to) } as const;
  return conclude(await ask(service, operation, context), context, (result) =>
    printDifferences(result.diff ?? [], context),
  );
}

/** A version by number or tag, `present`, or `layer:environment`, `service:tts-worker`, `draft:night`, `file:stt-worker.yaml`. */
async function parseSide(text: string): Promise<Side> {
  const [, kind, name = ''] = /^(tag|layer|service|draft|file):(.+)$/s.exec(text) ?? [];
  switch (kind) {
    case undefined: {
      if (text === 'present') return text;
      const named = parseVersionName(text);
      return 'tag' in named ? named : named.version;
    }
    case 'layer':
      return { layer: parseLayer(name) };
    case 'file': {
      const parsed = parseDocumentFile(await readTextFile(name), name);
      if ('document' in parsed) return { values: parsed.document };
      const lines = parsed.faults.flatMap(faultLines);
      throw new CommandError('usage', [`${name} can't be read as a document`, ...lines].join('\n'));
    }
    case 'service':
      return { service: parseName(name, 'a service') };
    default:
      return { [kind]: parseLabel(name, `a ${kind}`) } as { tag: string } | { draft: string };
  }
}

function parseLayer(name: string): LayerName {
  const layer = layerNames.find((each) => each === name);
  if (layer) return layer;
  throw new CommandError('usage', `there is no layer ${name}; there are ${layerNames.join(', ')}`);
}

export function printDifferences(differences: readonly Difference[], { printer }: Context): void {
  if (differences.length === 0) printer.line('no difference');
  const rows = differences.map((difference) => [
    difference.pointer === '' ? '(all)' : printable(difference.pointer),
    differenceText(difference),
  ]);
  for (const line of alignColumns(rows, (cell, column) => (column === 0 ? printer.style('cyan', cell) : cell))) {
    printer.line(line);
  }
}
