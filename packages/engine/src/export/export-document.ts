import { type ExportFormat, mask } from '@setpoint/protocol';
import { composeText } from './compose-text.ts';
import { dotenvText } from './dotenv-text.ts';
import type { ExportSource, RedactedSource } from './export-source.ts';
import { jsonText } from './json-text.ts';
import { kubernetesText } from './kubernetes-text.ts';
import { redactDocument } from './redacted-document.ts';
import { tfvarsText } from './tfvars-text.ts';
import { yamlDocument } from './yaml-document.ts';

const writers: Readonly<Record<ExportFormat, (source: RedactedSource) => string>> = {
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
function jsonDocument({ service, stamp, explanation, secrets, values, now }: RedactedSource): string {
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
