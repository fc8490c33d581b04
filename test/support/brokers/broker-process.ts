import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.ts';

/** aedes in a process of its own, for what a test can't do to its own process. */
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
  const [said] = await once(child, 'message');
  if (said !== 'listening') throw new Error(`the broker said ${said}`);
  const tell = (signal: NodeJS.Signals): void => void child.kill(signal);
  const close = async (): Promise<void> => {
    const exited = once(child, 'exit');
    // Also one that is stopped ends by it.
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
