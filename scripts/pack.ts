// Builds every package and writes its tarball into tarballs/, so that a project elsewhere can install Setpoint before it
// is published. The packages depend on one another by version, so npm has to be given all that are needed at once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const folder = join(root, 'tarballs');
const pnpm = ['-y', 'pnpm@12.21.0', '--recursive', '--filter', './packages/*', '--filter', './apps/*'];

await rm(folder, { recursive: true, force: true });
await removeEarlierBuilds();
await run(['npm', 'run', '--silent', 'build']);
await run(['npx', ...pnpm, 'pack', '--pack-destination', folder]);
await dropVersions();

const service = ['protocol', 'bus', 'participant', 'client'].map((name) => join(folder, `setpoint-${name}.tgz`));
process.stdout.write(`
The packages are in ${folder}. In a project of yours, for a service:

  npm install ${service.join(' ')} zod

and for everything, with the authority and the command line:

  npm install ${join(folder, '*.tgz')} zod
`);

/** What an earlier build left behind would be packed too. */
async function removeEarlierBuilds(): Promise<void> {
  for (const room of ['packages', 'apps']) {
    for (const name of await readdir(join(root, room))) {
      await rm(join(root, room, name, 'dist'), { recursive: true, force: true });
    }
  }
}

/** So that the commands in the README hold for every version. */
async function dropVersions(): Promise<void> {
  for (const file of await readdir(folder)) {
    await rename(join(folder, file), join(folder, file.replace(/-\d+\.\d+\.\d+[^/]*\.tgz$/, '.tgz')));
  }
}

/** @throws Error when the program ends with another code than 0 */
async function run([program = '', ...args]: readonly string[]): Promise<void> {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}`);
}
