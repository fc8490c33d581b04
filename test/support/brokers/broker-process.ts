import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.ts';

/** aedes in a process of its own, which a test can freeze and kill. */
export interface BrokerProcess extends AsyncDisposable {
  readonly url: string;
  /** SIGSTOP: its sockets stay, and nothing is answered. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): Promise<void>;
  /** Ends every connection at one moment. Resolves when it has. */
  dropAll(): Promise<void>;
  close(): Promise<void>;
}

export async function openBrokerProcess(): Promise<BrokerProcess> {
  const port = await freePort();
  const main = fileURLToPath(new URL('./aedes-main.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [main, String(port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  // Listened for from the start: an end before anybody waits for it counts too.
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const [said] = await once(child, 'message');
  if (said !== 'listening') throw new Error(`the broker said ${said}`);
  const tell = (signal: NodeJS.Signals): void => void child.kill(signal);
  const close = async (): Promise<void> => {
    // SIGKILL also ends a frozen process.
    tell('SIGKILL');
    await exited;
  };
  return {
    url: `mqtt://127.0.0.1:${port}`,
    freeze: async () => tell('SIGSTOP'),
    thaw: async () => tell('SIGCONT'),
    dropAll: async () => {
      const dropped = once(child, 'message');
      child.send('drop');
      await dropped;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
