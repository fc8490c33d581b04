import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

interface Manifest {
  readonly name: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const folders = globSync('{packages,apps}/*/package.json', { cwd: root }).map((file) =>
  file.replace(/.package\.json$/, ''),
);
const manifests = new Map(folders.map((folder) => [folder, readJson<Manifest>(folder, 'package.json')]));
const byName = new Map([...manifests.values()].map((manifest) => [manifest.name, manifest]));

it('House-72-No-Circle: no package needs itself by way of others', () => {
  expect([...byName.keys()].flatMap((name) => circlesFrom([name]))).toEqual([]);
});

it('House-72-No-Circle: the linter refuses circles of imports, also of types', () => {
  const { linter, overrides } = readJson<{
    linter: { rules: { suspicious: { noImportCycles: unknown } } };
    overrides: unknown;
  }>('biome.json');
  expect(linter.rules.suspicious.noImportCycles).toEqual({ level: 'error', options: { ignoreTypes: false } });
  expect(JSON.stringify(overrides)).not.toContain('noImportCycles');
});

it('House-73-Own-Tests: `npm test` in the folder of a package runs the tests of that package alone', () => {
  for (const [folder, { scripts }] of manifests)
    expect([folder, scripts.test]).toEqual([folder, `vitest run --root ../.. ${folder}/`]);
});

/** The paths of dependencies that come back to their first package. */
function circlesFrom(path: readonly string[]): string[] {
  const { dependencies, peerDependencies } = byName.get(path.at(-1) ?? '') as Manifest;
  return Object.keys({ ...dependencies, ...peerDependencies }).flatMap((name) => {
    if (name === path[0]) return [[...path, name].join(' → ')];
    return byName.has(name) && !path.includes(name) ? circlesFrom([...path, name]) : [];
  });
}

function readJson<Content>(...path: readonly string[]): Content {
  return JSON.parse(readFileSync(join(root, ...path), 'utf8'));
}
