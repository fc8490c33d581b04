import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { requirements } from './requirements.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const rooms = ['packages', 'apps', 'examples', 'test'];
const cited = collectCitations();

it('gives every promise an id that a test can name', () => {
  for (const [id, promise] of Object.entries(requirements)) {
    expect(id).toMatch(/^[A-Z][A-Za-z0-9]*(-[A-Za-z0-9]+)+$/);
    expect(id).toMatch(/^[A-Z][a-z]+-\d\d-/);
    expect(promise).toMatch(/^\S.{20,}\.$/);
  }
});

it('has each of its promises named by a test', () => {
  expect(Object.keys(requirements).filter((id) => !cited.has(id))).toEqual([]);
});

it('knows every promise that a test names', () => {
  const unknown = [...cited].filter(([id]) => !Object.hasOwn(requirements, id));
  expect(unknown.map(([id, file]) => `${id} in ${file}`)).toEqual([]);
});

function collectCitations(): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of rooms.flatMap(listTests)) {
    for (const [id] of readFileSync(`${root}${file}`, 'utf8').matchAll(/\b[A-Z][a-z]+-\d\d(?:-[A-Za-z0-9]+)+/g)) {
      found.set(id, file);
    }
  }
  return found;
}

/** Does not look into `node_modules`: the packages link to one another there, in a circle. */
function listTests(room: string): string[] {
  const files = globSync([`${room}/**/*.test.ts`, `${room}/*/suite/*.ts`], {
    cwd: root,
    exclude: (path) => path.endsWith('node_modules'),
  });
  return files.filter((file) => file !== 'test/requirements.test.ts');
}
