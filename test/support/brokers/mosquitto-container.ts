import { GenericContainer, getContainerRuntimeClient, ImageName, Wait } from 'testcontainers';
import type { MosquittoFiles, MosquittoRunner } from './mosquitto-runner.ts';

// The reaper is one more image, which can't be pulled everywhere; every container here is removed by its own suite.
process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';

const image = 'eclipse-mosquitto:2';
const folder = '/mosquitto/config';

/** Whether this machine has a container engine that has the image or can pull it. */
export async function hasMosquittoImage(): Promise<boolean> {
  try {
    const client = await getContainerRuntimeClient();
    const name = ImageName.fromString(image);
    if (!(await client.image.exists(name))) await client.image.pull(name);
    return true;
  } catch {
    return false;
  }
}

/** A container at a fixed port of the host, because a mapped port changes with each restart. */
export async function mosquittoContainer(files: MosquittoFiles, port: number): Promise<MosquittoRunner> {
  const client = await getContainerRuntimeClient();
  let id: string | undefined;
  let isRunning = false;
  const running = () => client.container.getById(id ?? '');
  const remove = async (): Promise<void> => {
    if (id !== undefined) await client.container.getById(id).remove({ force: true, v: true });
    id = undefined;
    isRunning = false;
  };
  return {
    start: async ({ keepRetained }) => {
      if (isRunning) return;
      if (id !== undefined && keepRetained) {
        await client.container.start(running());
      } else {
        await remove();
        id = await startFresh(files, port);
      }
      isRunning = true;
    },
    stop: async () => {
      if (isRunning) await client.container.stop(running(), { timeout: 5000 });
      isRunning = false;
    },
    kill: async () => {
      if (isRunning) await running().kill({ signal: 'SIGKILL' });
      isRunning = false;
    },
    signal: async (signal) => void (await running().kill({ signal })),
    write: async (name, text) => {
      const command = ['sh', '-c', 'printf %s "$1" >"$2"', 'sh', text, `${folder}/${name}`];
      const { exitCode, output } = await client.container.exec(running(), command);
      if (exitCode !== 0) throw new Error(`${name} could not be written: ${output}`);
    },
    locate: async (name) => {
      const { stdout } = await client.container.exec(running(), ['find', '/usr', '-name', name]);
      return stdout.trim().split('\n')[0] ?? '';
    },
    remove,
  };
}

async function startFresh(files: MosquittoFiles, port: number): Promise<string> {
  const container = await new GenericContainer(image)
    .withCopyContentToContainer(
      Object.entries(files).map(([name, content]) => ({ content, target: `${folder}/${name}` })),
    )
    .withExposedPorts({ container: 1883, host: port })
    .withWaitStrategy(Wait.forLogMessage(/mosquitto version .* running/))
    .start();
  return container.getId();
}
