import { type MosquittoHarness, openMosquitto } from './mosquitto.ts';
import { hashPassword } from './mosquitto-passwords.ts';

export interface KickingMosquitto {
  /** With the login that every client shares. */
  readonly url: string;
  /** Ends every connection of that login at one moment. Resolves when the broker was told to. */
  dropAll(): Promise<void>;
  close(): Promise<void>;
}

const topic = '$CONTROL/dynamic-security/v1';

/** Mosquitto that ends connections by itself when its plugin for rights is told to switch their login off and on. */
export async function openKickingMosquitto(): Promise<KickingMosquitto> {
  await using stack = new AsyncDisposableStack();
  const plain = stack.adopt(await openMosquitto(), (broker) => broker.close());
  const plugin = await plain.locate('mosquitto_dynamic_security.so');
  const broker = await openMosquitto(
    (configuration) =>
      `${configuration}\nplugin ${plugin}\nplugin_opt_config_file /mosquitto/config/dynamic-security.json\n`,
    { 'dynamic-security.json': JSON.stringify(rights()) },
  );
  const admin = broker.connect({ url: withLogin(broker, 'admin') });
  await admin.start();
  return {
    url: withLogin(broker, 'client'),
    dropAll: async () => {
      // Both in one message: nobody is refused in between.
      const commands = ['disableClient', 'enableClient'].map((command) => ({ command, username: 'client' }));
      await admin.publish(topic, JSON.stringify({ commands }));
    },
    close: async () => {
      await admin.stop();
      await broker.close();
    },
  };
}

const withLogin = ({ url }: MosquittoHarness, user: string): string => url.replace('//', `//${user}:${user}@`);

function rights() {
  const account = (username: string, ...roles: readonly string[]) => {
    const { hash, salt, iterations } = hashPassword(username);
    return { username, password: hash, salt, iterations, roles: roles.map((rolename) => ({ rolename })) };
  };
  return {
    defaultACLAccess: { publishClientSend: true, publishClientReceive: true, subscribe: true, unsubscribe: true },
    groups: [],
    roles: [{ rolename: 'admin', acls: [{ acltype: 'publishClientSend', topic: '$CONTROL/#', allow: true }] }],
    clients: [account('client'), account('admin', 'admin')],
  };
}
