import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { MosquittoFiles, MosquittoRunner } from './mosquitto.ts';

/** The binary of this machine; distributions put it into a folder that is not on every PATH. */
export async function findMosquittoBinary(): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin'];
  for (const folder of folders) {
    const file = join(folder, 'mosquitto');
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}

/** A child process with its files in a temporary folder. */
export async function mosquittoProcess(binary: string, files: MosquittoFiles, port: number): Promise<MosquittoRunner> {
  const folder = await mkdtemp(join(tmpdir(), 'mosquitto-'));
  const file = join(folder, 'mosquitto.conf');
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(folder, name), name === 'mosquitto.conf' ? adapt(text, folder, port) : text);
  await Promise.all(Object.entries(files).map(([name, text]) => write(name, text)));
  let child: ChildProcess | undefined;
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    // One that is frozen ends when it goes on.
    child.kill('SIGCONT');
    child = undefined;
    await exited;
  };
  return {
    start: async ({ keepRetained }) => {
      if (!keepRetained) await rm(join(folder, 'mosquitto.db'), { force: true });
      child = spawn(binary, ['-c', file], { stdio: 'ignore' });
      await once(child, 'spawn');
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    signal: async (signal) => void child?.kill(signal),
    write,
    locate: async (name) => {
      const folders = ['/usr', '/opt/homebrew'].filter((root) => existsSync(root));
      const { stdout } = await promisify(execFile)('find', [...folders, '-name', name]);
      return stdout.trim().split('\n')[0] ?? '';
    },
    remove: async () => {
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function adapt(configuration: string, folder: string, port: number): string {
  return configuration
    .replace(/^listener .*$/m, `listener ${port} 127.0.0.1`)
    .replace(/^persistence_location .*$/m, `persistence_location ${folder}/`)
    .replaceAll('/mosquitto/config/', `${folder}/`)
    .concat(`\nuser ${userInfo().username}\n`);
}
