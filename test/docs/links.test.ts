import { globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const folders = ['.', 'docs', 'docs/{adr,guide}', '{packages,apps,examples}/*', 'packages/*/vectors'];
const pages = globSync(
  folders.map((folder) => join(folder, '*.md')),
  { cwd: root },
).toSorted();

it('House-80-Links-Resolve: every link of every page leads to a file and a heading that exist', () => {
  const broken = pages.flatMap((page) =>
    linksOf(readPage(page))
      .filter((link) => !resolves(page, link))
      .map((link) => `${page}: ${link}`),
  );
  expect(pages.length).toBeGreaterThan(40);
  expect(broken).toEqual([]);
});

it('finds a link to a file that does not exist, and one to a heading that does not exist', () => {
  expect(linksOf('[a](nowhere.md) `[b](code.md)` ![c](c.svg) [d](https://example.com)')).toEqual([
    'nowhere.md',
    'c.svg',
  ]);
  expect(resolves('README.md', 'nowhere.md')).toBe(false);
  expect(resolves('README.md', '#nothing-is-called-so')).toBe(false);
  expect(resolves('README.md', 'docs/glossary.md#on-the-wire')).toBe(true);
});

function readPage(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** The targets of links and pictures within the repository, in text, not in code. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, 'code');
  const inMarkdown = prose.matchAll(/\]\((?![a-z]+:)([^)\s]+)\)/g);
  const inHtml = prose.matchAll(/(?:src|srcset|href)="(?![a-z]+:)([^"]+)"/g);
  return [...inMarkdown, ...inHtml].map(([, target = '']) => target);
}

function resolves(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  const stats = statSync(join(root, target), { throwIfNoEntry: false });
  if (stats === undefined) return false;
  return anchor === undefined || (stats.isFile() && anchorsOf(readPage(target)).includes(anchor));
}

/** The anchors that GitHub makes of the headings of a page. */
function anchorsOf(text: string): string[] {
  const headings = text.replaceAll(/^```.*?^```/gms, '').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
