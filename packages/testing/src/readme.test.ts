import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..', '..');
const readme = await readFile(join(import.meta.dirname, '..', 'README.md'), 'utf8');
const programs = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, program = '']) => program);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'readme-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
});

afterAll(() => rm(folder, { recursive: true }));

it('has programs to run', () => {
  expect(programs).toHaveLength(5);
});

it.each(programs.map((program, index) => ({ index, program })))('README.md: program $index runs', async (one) => {
  const file = join(folder, `program-${one.index}.ts`);
  await writeFile(file, one.program);
  await promisify(execFile)(process.execPath, [file], { timeout: 20_000 });
});
