import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ContainerRuntimeClient } from 'testcontainers';
import { mayUseContainers, namedMachine, skipLoudly } from '../machine.ts';

const image = 'node:26-bookworm-slim';
const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface ContainerDisks {
  /** Bytes that the file system at `/disk` has. */
  readonly diskBytes: number;
  /** A folder of this machine that is there as `/read-only`. */
  readonly readOnly?: string;
}

export interface ContainerRun {
  readonly code: number;
  /** All that it wrote to both streams. */
  readonly output: string;
}

/** Runs programs of this workspace where a file system can be filled without harm; undefined where that can't be done. */
export async function openNodeContainer(): Promise<typeof run | undefined> {
  const client = await findClient();
  if (client) return run;
  skipLoudly(`no container engine with ${image}: nothing ran on a full disk`, namedMachine() === 'docker');
  return undefined;

  async function run(program: URL, { diskBytes, readOnly }: ContainerDisks): Promise<ContainerRun> {
    const { dockerode } = (client as ContainerRuntimeClient).container;
    const container = await dockerode.createContainer({
      Image: image,
      Cmd: ['node', fileURLToPath(program)],
      Tty: true,
      HostConfig: {
        NetworkMode: 'none',
        Tmpfs: { '/disk': `size=${diskBytes}` },
        Binds: [`${root}:${root}:ro`, ...(readOnly === undefined ? [] : [`${readOnly}:/read-only:ro`])],
      },
    });
    try {
      await container.start();
      const { StatusCode } = await container.wait();
      const output = await text(await container.logs({ stdout: true, stderr: true, follow: true }));
      return { code: StatusCode, output: output.replaceAll('\r\n', '\n') };
    } finally {
      await container.remove({ force: true, v: true });
    }
  }
}

async function findClient(): Promise<ContainerRuntimeClient | undefined> {
  if (!mayUseContainers()) return undefined;
  try {
    // It takes a quarter of a second to load.
    const { getContainerRuntimeClient, ImageName } = await import('testcontainers');
    const client = await getContainerRuntimeClient();
    const name = ImageName.fromString(image);
    if (!(await client.image.exists(name))) await client.image.pull(name);
    return client;
  } catch {
    return undefined;
  }
}
