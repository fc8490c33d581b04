import type { ExportSource } from '@setpoint/engine';
import { digestOf, isOverlapping } from '@setpoint/protocol';
import { environmentSettings } from './environment-text.ts';
import { commentLines, headerLines } from './origin-text.ts';
import { yamlDocument, yamlLines } from './yaml-text.ts';

/**
 * A ConfigMap with the document as `config.yaml` and, where there are secrets, a Secret with the variables that hold
 * them; what is in it is a marker to be replaced.
 */
export function kubernetesText(source: ExportSource): string {
  const documents = [configMapLines(source), secretLines(source)].filter((lines) => lines.length > 0);
  return `${[...commentLines(headerLines(source)), documents.map((lines) => lines.join('\n')).join('\n---\n')].join('\n')}\n`;
}

const configMapLines = (source: ExportSource): string[] => [
  ...yamlLines({ apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(source, 'config') }),
  'data:',
  '  config.yaml: |',
  ...yamlDocument(source)
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`),
];

function secretLines(source: ExportSource): string[] {
  const { service, values, secrets } = source;
  const holding = environmentSettings(service, values, (text) => text.isWellFormed()).filter(({ pointer }) =>
    secrets.some((secret) => isOverlapping(pointer, secret)),
  );
  if (holding.length === 0) return [];
  const stringData = Object.fromEntries(holding.map(({ name, text }) => [name, text]));
  return yamlLines({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata(source, 'secrets'),
    type: 'Opaque',
    stringData,
  });
}

const metadata = ({ service, stamp }: ExportSource, kind: string) => ({
  name: `${resourceName(service)}-${kind}`,
  labels: { 'app.kubernetes.io/managed-by': 'setpoint' },
  annotations: { 'setpoint/version': String(stamp.version), 'setpoint/digest': stamp.digest },
});

/** DNS-1123 has no "_"; two services never get one name. */
function resourceName(service: string): string {
  if (!service.includes('_')) return service;
  return `${service.replaceAll('_', '-')}-${digestOf(service).slice('sha256:'.length).slice(0, 8)}`;
}
