import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { Bus, BusOptions } from '@setpoint/bus';
import { type Connection, type ConnectOptions, connect, type Tracing } from '@setpoint/client';
import { createOperator, type Operator } from '@setpoint/client/operator';
import { type Authority, type AuthorityKeys, openAuthorityKeys, startAuthority } from '@setpoint/config-authority';
import { openSqliteStore } from '@setpoint/engine/store/sqlite';
import { pino } from 'pino';
import type { z } from 'zod';
import type { BrokerHarness } from './brokers/brokers.ts';
import { type Service, sttSchema, sttSchemaFile } from './stt-service.ts';
import { createWatcher, type Watcher } from './watcher.ts';

/** One environment on a broker: its own prefix, folders, authority, services and operators. */
export interface World extends AsyncDisposable {
  readonly prefix: string;
  readonly configDir: string;
  readonly dataDir: string;
  readonly cacheDir: string;
  /** Every line that the authority and the services logged. */
  readonly logs: readonly string[];
  readonly authority: Authority;
  readonly keys: AuthorityKeys;
  /** Starts the authority again on the same folders; `options` go over those of the world. */
  startAuthority(): Promise<void>;
  stopAuthority(): Promise<void>;
  /** Writes a service's file, without waiting for anything. */
  writeFile(name: string, text: string): Promise<void>;
  service(options?: Partial<ConnectOptions<typeof sttSchema>>): Promise<Connection<Service>>;
  connect<Schema extends z.ZodType>(
    options: Omit<ConnectOptions<Schema>, 'url'>,
  ): Promise<Connection<z.output<Schema>>>;
  operator(name?: string): Promise<Operator>;
  /** A bus that takes no part, started; for looking and for mischief. */
  bus(options?: BusOptions & { clientId?: string }): Promise<Bus>;
  watch(filter: string): Promise<Watcher>;
}

export interface WorldOptions {
  /** The text of `config/stt-worker.yaml`; undefined: no file. */
  readonly file?: string | undefined;
  /** Milliseconds. */
  readonly keepaliveIntervalMs?: number;
  /** Where the services connect, when not straight to the broker. */
  readonly serviceBus?: (options: BusOptions) => Bus;
  readonly withAuthority?: boolean;
  /** The clock of the authority. Unix time in milliseconds. */
  readonly now?: () => number;
  /** Of the authority, the services and the operators. */
  readonly tracing?: Tracing;
}

let worlds = 0;

/** Opens a world on a broker; what it opened is closed with it, in reverse order. */
export async function openWorld(broker: BrokerHarness, options: WorldOptions = {}): Promise<World> {
  const { file = 'vad:\n  threshold: 0.6\napi:\n  key: key-from-the-file\n', keepaliveIntervalMs = 5000 } = options;
  const tracing = options.tracing && { tracing: options.tracing };
  const stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'setpoint-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const folder = (name: string): Promise<string> => mkdtemp(join(root, `${name}-`));
  const [configDir, dataDir, cacheDir] = await Promise.all([folder('config'), folder('data'), folder('cache')]);
  const prefix = `world${process.pid}-${++worlds}`;
  const logs: string[] = [];
  const sink = new Writable({
    write(chunk, _, done) {
      logs.push(String(chunk));
      done();
    },
  });
  const logger = pino({ level: 'debug' }, sink);
  const keys = await openAuthorityKeys(dataDir);
  if ('file' in options ? options.file !== undefined : true) await writeFile(join(configDir, 'stt-worker.yaml'), file);
  await writeFile(join(configDir, 'stt-worker.schema.json'), sttSchemaFile);

  let running: { authority: Authority; stop: () => Promise<void> } | undefined;
  const world: World = {
    prefix,
    configDir,
    dataDir,
    cacheDir,
    logs,
    keys,
    get authority() {
      if (!running) throw new Error('the authority of this world is not running');
      return running.authority;
    },
    async startAuthority() {
      const store = await openSqliteStore({ file: join(dataDir, 'setpoint.db') });
      const authority = await startAuthority({
        prefix,
        store,
        openBus: (busOptions) => broker.connect({ clientId: `authority-${prefix}`, ...busOptions }),
        signer: keys.signer,
        ownKeys: keys.own,
        configDir,
        logger,
        keepaliveIntervalMs,
        ...tracing,
        ...(options.now && { now: options.now }),
      });
      const stop = async (): Promise<void> => {
        await authority.stop();
        await store[Symbol.asyncDispose]();
      };
      running = { authority, stop };
    },
    async stopAuthority() {
      await running?.stop();
      running = undefined;
    },
    writeFile: (name, text) => writeFile(join(configDir, name), text),
    service: (serviceOptions = {}) =>
      world.connect({ service: 'stt-worker', schema: sttSchema, ...serviceOptions } as never) as never,
    async connect(connectOptions) {
      const connection = await connect({
        bus: options.serviceBus ?? ((busOptions) => broker.connect(busOptions)),
        prefix,
        cacheDir,
        logger,
        heartbeatIntervalMs: keepaliveIntervalMs,
        ...tracing,
        ...connectOptions,
      } as ConnectOptions<never>);
      stack.use(connection);
      return connection as never;
    },
    async operator(name = 'ann') {
      return createOperator({ bus: await world.bus(), name, prefix, ...tracing });
    },
    async bus(busOptions) {
      const bus = broker.connect(busOptions);
      stack.defer(() => bus.stop());
      await bus.start();
      return bus;
    },
    async watch(filter) {
      const watcher = createWatcher(await world.bus(), `${prefix}/${filter}`);
      await watcher.ready;
      return watcher;
    },
    async [Symbol.asyncDispose]() {
      await stack.disposeAsync();
    },
  };
  stack.defer(() => world.stopAuthority());
  if (options.withAuthority !== false) await world.startAuthority();
  return world;
}
