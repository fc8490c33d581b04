import { GenericContainer, getContainerRuntimeClient, ImageName, Wait } from 'testcontainers';
import type { MosquittoFiles, MosquittoRunner } from './mosquitto.ts';

// The reaper is one more image, which can't be pulled everywhere; every container here is removed by its own suite.
process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';

const image = 'eclipse-mosquitto:2';
const folder = '/mosquitto/config';

/** Whether there is a container engine here that has the image or can pull it. */
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

/** A container at a fixed port of the host: a mapped port would be another one after each restart. */
export async function mosquittoContainer(files: MosquittoFiles, port: number): Promise<MosquittoRunner> {
  const client = await getContainerRuntimeClient();
  let id: string | undefined;
  const running = () => client.container.getById(id ?? '');
  const remove = async (): Promise<void> => {
    if (id !== undefined) await client.container.getById(id).remove({ force: true, v: true });
    id = undefined;
  };
  return {
    start: async ({ keepRetained }) => {
      if (id !== undefined && keepRetained) return client.container.start(client.container.getById(id));
      await remove();
      id = await startFresh(files, port);
    },
    stop: async () => {
      if (id !== undefined) await client.container.stop(client.container.getById(id), { timeout: 5000 });
    },
    kill: async () => {
      if (id !== undefined) await client.container.getById(id).kill({ signal: 'SIGKILL' });
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
