import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { wireCodes } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(`${root}docs/protocol.md`, 'utf8');
const lines = page.split('\n');

/** As the places that show Markdown make anchors of headings. */
const anchors = lines
  .filter((line) => /^#{2,} /.test(line))
  .map((line) =>
    line
      .replace(/^#+ /, '')
      .toLowerCase()
      .replaceAll(/[^a-z0-9 _-]/g, '')
      .replaceAll(' ', '-'),
  );

describe('docs/protocol.md', () => {
  it('keeps the anchors that code and tests cite', () => {
    expect(anchors).toEqual([
      '1-ground-rules',
      '2-topics',
      '3-envelope',
      'signature',
      '4-snapshot',
      'order',
      '5-request-and-result',
      '6-contract',
      '7-health-presence-convergence',
      '8-what-a-client-does',
      '9-what-an-authority-does',
      '10-codes',
    ]);
  });

  it('has every section that is cited anywhere', () => {
    const cited = listSources().flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/protocol\.md#([a-z0-9-]+)/g)].map(([, anchor = '']) => anchor),
    );
    expect(cited.length).toBeGreaterThan(10);
    expect([...new Set(cited)].filter((anchor) => !anchors.includes(anchor))).toEqual([]);
  });

  it('has every section and file that it links to', () => {
    const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.filter((anchor) => !anchors.includes(anchor))).toEqual([]);
  });

  it('numbers its rules without a gap', () => {
    const numbers = [...page.matchAll(/^- \*\*(\d+)\.(\d+)\*\*/gm)].map(([, section, rule]) => [
      Number(section),
      Number(rule),
    ]);
    const expected = [...new Set(numbers.map(([section]) => section))].flatMap((section) =>
      numbers.filter(([of]) => of === section).map((_, i) => [section, i + 1]),
    );
    expect(numbers).toEqual(expected);
    expect(numbers.length).toBeGreaterThan(80);
  });

  it('refers only to rules that exist', () => {
    const rules = new Set([...page.matchAll(/^- \*\*(\d+\.\d+)\*\*/gm)].map(([, rule]) => rule));
    const cited = [...page.matchAll(/(?:in|see|by|\(|; )\s?(\d\.\d+)(?=[ ,;.)])/g)].map(([, rule]) => rule);
    expect(cited.filter((rule) => !rules.has(rule))).toEqual([]);
  });

  it('explains every wire code, and no other', () => {
    const table = page.slice(page.indexOf('## 10. Codes'));
    const explained = [...table.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, code]) => code);
    expect(explained).toEqual([...wireCodes]);
  });

  it('Wire-10-AsyncApi-Agrees: has the topics of the AsyncAPI document, with QoS and retain', () => {
    const rows = [...page.matchAll(/^\| `([^`]+)` \| [^|]+ \| (\d) \| (yes|no) \| `([^`]+)` \|$/gm)].map((row) =>
      row.slice(1),
    );
    expect(rows).toEqual(readAsyncApiRows());
  });
});

function readAsyncApiRows(): string[][] {
  const { channels, operations } = parse(readFileSync(`${root}docs/asyncapi.yaml`, 'utf8')) as {
    channels: Record<string, { address: string }>;
    operations: Record<
      string,
      { action: string; channel: { $ref: string }; bindings: { mqtt: { qos: number; retain?: boolean } } }
    >;
  };
  return Object.entries(channels).map(([name, { address }]) => {
    const send = Object.values(operations).find(
      ({ action, channel }) => action === 'send' && channel.$ref === `#/channels/${name}`,
    );
    const { qos, retain } = send?.bindings.mqtt ?? {};
    return [
      address.replaceAll('{', '<').replaceAll('}', '>'),
      String(qos),
      retain ? 'yes' : 'no',
      `setpoint.${name}.v1`,
    ];
  });
}

/** Does not look into `node_modules`: the packages link to one another there, in a circle. */
function listSources(): string[] {
  const files = globSync('{packages,apps,examples,test}/**/*.ts', {
    cwd: root,
    exclude: (path) => path.endsWith('node_modules'),
  });
  return files.map((file) => `${root}${file}`);
}
