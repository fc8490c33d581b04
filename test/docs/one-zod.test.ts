import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const manifests = globSync('{packages,apps}/*/package.json', { cwd: root })
  .map((path): Manifest => JSON.parse(readFileSync(join(root, path), 'utf8')))
  .toSorted((a, b) => a.name.localeCompare(b.name));

it('Client-17-One-Zod: what is imported asks for the zod of the project, and programs bring one of the same range', () => {
  expect(manifests.map(({ name, dependencies, peerDependencies }) => [name, dependencies?.zod, peerDependencies?.zod]))
    // The bus knows nothing of schemas.
    .toEqual([
      ['@setpoint/authoring', undefined, '^4.3.0'],
      ['@setpoint/bus', undefined, undefined],
      ['@setpoint/client', undefined, '^4.3.0'],
      ['@setpoint/config-authority', '^4.3.0', undefined],
      ['@setpoint/engine', undefined, '^4.3.0'],
      ['@setpoint/openfeature', undefined, '^4.3.0'],
      ['@setpoint/participant', undefined, undefined],
      ['@setpoint/protocol', undefined, '^4.3.0'],
      ['@setpoint/testing', undefined, '^4.3.0'],
      ['setpoint', '^4.3.0', undefined],
    ]);
});
