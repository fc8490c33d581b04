import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The packages as they are published, so that no type stripping is measured with them. */
export interface BuiltPackages extends AsyncDisposable {
  readonly folder: string;
}

/** Compiles these into a temporary folder; their dependencies are linked from the workspace. */
export async function buildPackages(names: readonly string[]): Promise<BuiltPackages> {
  const temporary = await mkdtemp(join(tmpdir(), 'setpoint-bench-'));
  const folder = join(temporary, 'node_modules', '@setpoint');
  await mkdir(folder, { recursive: true });
  await Promise.all(names.map((name) => build(name, join(folder, name))));
  return {
    folder,
    [Symbol.asyncDispose]: () => rm(temporary, { recursive: true, force: true }),
  };
}

async function build(name: string, target: string): Promise<void> {
  const source = join(root, 'packages', name);
  await mkdir(join(target, 'node_modules'), { recursive: true });
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  // Nobody reads their types.
  const options = ['--declaration', 'false', '--isolatedDeclarations', 'false', '--outDir', join(target, 'dist')];
  await promisify(execFile)(tsc, ['-p', join(source, 'tsconfig.build.json'), ...options]);
  const manifest = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
  await writeFile(join(target, 'package.json'), JSON.stringify({ ...manifest, ...manifest.publishConfig }));
  for (const entry of await readdir(join(source, 'node_modules'))) {
    if (entry.startsWith('@setpoint') || entry.startsWith('.')) continue;
    await symlink(join(source, 'node_modules', entry), join(target, 'node_modules', entry));
  }
}
