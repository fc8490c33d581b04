import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8').replaceAll(/^```.*?^```/gms, '');

describe('House-81-Architecture-Exists: docs/architecture.md', () => {
  it('names only files and folders that exist', () => {
    const missing = pathsOf(page).filter((path) => !existsSync(join(root, path)));
    expect(pathsOf(page).length).toBeGreaterThan(60);
    expect(missing).toEqual([]);
  });

  it('names only functions and methods that the file beside them has', () => {
    const missing = stepsOf(page).flatMap(({ file, functions }) => {
      const source = readFileSync(join(root, file), 'utf8');
      return functions.filter((name) => !declares(source, name)).map((name) => `${file}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('names every file that reads the environment, arguments or signals, and no other', () => {
    const [, section = ''] = page.split('### Who reads the environment\n');
    const [own = ''] = section.split('\n## ');
    const named = [...own.matchAll(/^\| `([^`]+)` \|/gm)].map(([, file]) => file);
    const readers = globSync('{packages,apps}/*/src/**/*.ts', { cwd: root }).filter(
      (file) => !file.endsWith('.test.ts') && /process\.(?:env|argv|on)\b/.test(codeOf(file)),
    );
    expect(named.toSorted()).toEqual(readers.toSorted());
  });

  it.each(['From a request to its publication', 'From a snapshot to the health report'])(
    '%s takes at most eight files',
    (heading) => {
      const [, section = ''] = page.split(`## ${heading}\n`);
      const [own = ''] = section.split('\n## ');
      expect(stepsOf(own).length).toBeGreaterThan(5);
      expect(stepsOf(own).length).toBeLessThanOrEqual(8);
    },
  );
});

it('finds out when a file does not declare a function that is named', () => {
  expect(declares('export function open() {}', 'open')).toBe(true);
  expect(declares('  async #open(): Promise<void> {', '#open')).toBe(true);
  expect(declares('reopen(); // open is called', 'open')).toBe(false);
});

/** The text of a file without its comments. */
function codeOf(file: string): string {
  return readFileSync(join(root, file), 'utf8').replaceAll(/\/\*.*?\*\/|^\s*\/\/[^\n]*/gms, '');
}

/** Names in a table below a heading with a folder are relative to that folder, others to the root. */
function pathsOf(text: string): string[] {
  return text.split(/^##+ /m).flatMap((section) => {
    const [, folder = ''] = /^[^\n]*`([^`\n]+)`/.exec(section) ?? [];
    const paths = [...section.matchAll(/`([\w#][\w./-]*(?:\/|\.ts)|(?:packages|apps)\/[\w-]+)`/g)];
    return paths.map(([, path = '']) => (/^(packages|apps|test|examples)\//.test(path) ? path : join(folder, path)));
  });
}

/** The rows of the walks: a number, a file, and the functions in it. */
function stepsOf(text: string): { readonly file: string; readonly functions: readonly string[] }[] {
  return [...text.matchAll(/^\| \d \| `([^`]+)` \| (.+) \|$/gm)].map(([, file = '', told = '']) => ({
    file,
    functions: [...told.matchAll(/`(#?[a-z]\w+)`/g)].map(([, name = '']) => name).filter((name) => name !== 'applied'),
  }));
}

/** Whether the source has a function, a method or a constant of this name. */
function declares(source: string, name: string): boolean {
  const declaration = `(?:function\\*? |const |^\\s+(?:async )?)${name}(?:<[^(]*>)?(?: = |: |\\()`;
  return new RegExp(declaration, 'm').test(source);
}
