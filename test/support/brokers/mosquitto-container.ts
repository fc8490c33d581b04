import { GenericContainer, getContainerRuntimeClient, ImageName, Wait } from 'testcontainers';
import type { MosquittoRunner } from './mosquitto.ts';

// The reaper is one more image, which can't be pulled everywhere; every container here is removed by its own suite.
process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';

const image = 'eclipse-mosquitto:2';

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
export async function mosquittoContainer(configuration: string, port: number): Promise<MosquittoRunner> {
  const client = await getContainerRuntimeClient();
  let id: string | undefined;
  const remove = async (): Promise<void> => {
    if (id !== undefined) await client.container.getById(id).remove({ force: true, v: true });
    id = undefined;
  };
  return {
    start: async ({ keepRetained }) => {
      if (id !== undefined && keepRetained) return client.container.start(client.container.getById(id));
      await remove();
      id = await startFresh(configuration, port);
    },
    stop: async () => {
      if (id !== undefined) await client.container.stop(client.container.getById(id), { timeout: 5000 });
    },
    kill: async () => {
      if (id !== undefined) await client.container.getById(id).kill({ signal: 'SIGKILL' });
    },
    remove,
  };
}

async function startFresh(configuration: string, port: number): Promise<string> {
  const container = await new GenericContainer(image)
    .withCopyContentToContainer([{ content: configuration, target: '/mosquitto/config/mosquitto.conf' }])
    .withExposedPorts({ container: 1883, host: port })
    .withWaitStrategy(Wait.forLogMessage(/mosquitto version .* running/))
    .start();
  return container.getId();
}
