import type { ExportSource } from '@setpoint/engine';
import { redactDocument } from '@setpoint/engine/internal';
import { type ExportFormat, mask } from '@setpoint/protocol';
import { composeText, dotenvText } from './environment-text.ts';
import { jsonText } from './json-text.ts';
import { kubernetesText } from './kubernetes-text.ts';
import { tfvarsText } from './tfvars-text.ts';
import { yamlDocument } from './yaml-text.ts';

const writers: Readonly<Record<ExportFormat, (source: ExportSource) => string>> = {
  yaml: yamlDocument,
  json: jsonDocument,
  kubernetes: kubernetesText,
  compose: composeText,
  dotenv: dotenvText,
  tfvars: tfvarsText,
};

/** A version of a service as text. In place of every secret stands the mask. */
export const exportDocument = (source: ExportSource, format: ExportFormat): string =>
  writers[format]({ ...source, values: redactDocument(source.values, source.secrets) });

/** JSON has no comments: what is said of the document stands beside it. */
function jsonDocument({ service, stamp, explanation, secrets, values, now }: ExportSource): string {
  const { epoch, version, digest, author, committedAt } = stamp;
  const sources = explanation.map(({ pointer, layer, file, line, name, author: by, version: since }) => [
    pointer,
    {
      layer,
      ...(file !== undefined && { file }),
      ...(line !== undefined && { line }),
      ...(name !== undefined && { name }),
      ...(by !== undefined && { author: by }),
      ...(since !== undefined && { version: since }),
    },
  ]);
  const header = {
    service,
    version,
    epoch,
    digest,
    author,
    committedAt,
    exportedAt: new Date(now).toISOString(),
    ...(secrets.length > 0 && { redacted: mask, secrets }),
    sources: Object.fromEntries(sources),
  };
  return `${jsonText({ $setpoint: header, values })}\n`;
}
