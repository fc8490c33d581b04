import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { MosquittoFiles, MosquittoRunner } from './mosquitto-runner.ts';

/** The path of this machine's binary; distributions put it into a folder that is not on every PATH. */
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
  let running: RunningChild | undefined;
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const ending = running;
    running = undefined;
    ending?.child.kill(signal);
    // A frozen process ends when it goes on.
    ending?.child.kill('SIGCONT');
    await ending?.exited;
  };
  return {
    start: async ({ keepRetained }) => {
      if (running && isAlive(running.child)) return;
      if (!keepRetained) await rm(join(folder, 'mosquitto.db'), { force: true });
      running = await spawnChild(binary, ['-c', file]);
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    signal: async (signal) => void running?.child.kill(signal),
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

interface RunningChild {
  readonly child: ChildProcess;
  /** Listened for from the start: an end before anybody waits for it counts too. */
  readonly exited: Promise<unknown>;
}

async function spawnChild(binary: string, args: readonly string[]): Promise<RunningChild> {
  const child = spawn(binary, args, { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await once(child, 'spawn');
  return { child, exited };
}

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

function adapt(configuration: string, folder: string, port: number): string {
  return configuration
    .replace(/^listener .*$/m, `listener ${port} 127.0.0.1`)
    .replace(/^persistence_location .*$/m, `persistence_location ${folder}/`)
    .replaceAll('/mosquitto/config/', `${folder}/`)
    .concat(`\nuser ${userInfo().username}\n`);
}
