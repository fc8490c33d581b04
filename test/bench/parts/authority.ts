import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@setpoint/bus';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { openAuthorityKeys, readOperatorKeys, startAuthority } from '@setpoint/config-authority';
import type { Store } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { openSqliteStore } from '@setpoint/engine/store/sqlite';
import type { JsonObject, TrustedKeys } from '@setpoint/protocol';
import { freePort } from '@setpoint/test-support/free-port';
import { pino } from 'pino';
import { identifyByName } from '../../../apps/config-authority/src/http/caller.ts';
import { startHttpServer } from '../../../apps/config-authority/src/http/server.ts';
import { clockMs } from '../harness/clock.ts';
import { servePart, tellEvent } from '../harness/part.ts';
import { openTemporaryFolder } from '../harness/temporary-folder.ts';

export interface AuthorityPart {
  readonly url: string;
  readonly prefix: string;
  readonly store: 'sqlite' | 'memory';
  readonly services: readonly string[];
  readonly document: JsonObject;
  readonly schema: JsonObject;
  readonly operatorKeys?: TrustedKeys | undefined;
  /** Tells when each snapshot is handed to the bus. */
  readonly isTellingPublishes?: boolean;
}

// The authority as `main.ts` wires it, with its log written to nowhere, on a folder of its own.

const stack = new AsyncDisposableStack();
let request: (service: string, patch: JsonObject) => Promise<number>;
let trustedKeys: TrustedKeys;
let isReady: () => boolean;
let configDir: string;
let serveHttp: () => Promise<string>;

async function open(options: AuthorityPart): Promise<void> {
  const { url, prefix, services, document, schema, operatorKeys } = options;
  const folder = await openTemporaryFolder(stack);
  configDir = folder;
  const file = (name: string, content: unknown): Promise<void> =>
    writeFile(join(folder, name), JSON.stringify(content));
  for (const service of services) {
    await file(`${service}.yaml`, document);
    await file(`${service}.schema.json`, schema);
  }
  const dataDir = await openTemporaryFolder(stack);
  const keys = await openAuthorityKeys(dataDir);
  if (operatorKeys) await writeFile(join(dataDir, 'operators.json'), JSON.stringify(operatorKeys));
  const authority = await startAuthority({
    prefix,
    store: stack.use(await openStore(options.store, dataDir)),
    openBus: (busOptions) => {
      const bus = createMqttBus({ url, clientId: `authority-${prefix}`, ...busOptions });
      return options.isTellingPublishes ? withTelling(bus) : bus;
    },
    signer: keys.signer,
    ownKeys: keys.own,
    operatorKeys: operatorKeys && (await readOperatorKeys(join(dataDir, 'operators.json'))),
    configDir: folder,
    logger: pino({ level: 'info' }, pino.destination({ dest: '/dev/null', sync: true })),
  });
  stack.use(authority);
  isReady = () => authority.readiness().isReady;
  let count = 0;
  request = async (service, patch) => {
    count += 1;
    const change = { service, author: 'bench', op: 'merge', patch } as const;
    const { version, status } = await authority.engine.request(change, `bench-${count}`, { requester: 'bench' });
    if (status !== 'applied') throw new Error(`the change was ${status}`);
    return version;
  };
  trustedKeys = JSON.parse(await readFile(keys.trustedKeysFile, 'utf8'));
  serveHttp = async () => {
    const server = await startHttpServer({
      host: '127.0.0.1',
      port: await freePort(),
      readiness: () => authority.readiness(),
      identify: identifyByName,
      logger: pino({ level: 'silent' }),
      maxBodyBytes: 1_048_576,
      limits: { read: 1e9, write: 1e9, export: 1e9 },
    });
    stack.defer(() => server.stop());
    server.serve(authority);
    return server.url;
  };
}

async function openStore(kind: AuthorityPart['store'], folder: string): Promise<Store> {
  return kind === 'memory' ? createMemoryStore() : openSqliteStore({ file: join(folder, 'setpoint.db') });
}

function withTelling(bus: Bus): Bus {
  const { publish } = bus;
  bus.publish = (topic, payload, options) => {
    if (topic.endsWith('/snapshot')) tellEvent('published', clockMs());
    return publish.call(bus, topic, payload, options);
  };
  return bus;
}

servePart({
  open,
  trustedKeys: () => trustedKeys,
  /** The folder with the files of the services. */
  configDir: () => configDir,
  /** Resolves when it is connected and takes requests. */
  ready: async () => {
    while (!isReady()) await delay(5);
  },
  /** Serves the API too, and counts nobody; returns its URL. */
  serveHttp: () => serveHttp(),
  /** A change that the authority makes by itself; returns its version. */
  change: ({ service, patch }: { service: string; patch: JsonObject }) => request(service, patch),
  close: () => stack.disposeAsync(),
});
