import { randomUUID } from 'node:crypto';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { openSqliteStore } from '@setpoint/engine/store/sqlite';
import { findTracing } from '@setpoint/participant';
import { clientIdOf, SetpointError } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { type Authority, type AuthorityOptions, startAuthority } from './authority.ts';
import { startEmbeddedBroker } from './broker/embedded-broker.ts';
import { openApiKeys } from './http/api-keys.ts';
import { type Identify, identifyByKey, identifyByName, identifyNobody } from './http/caller.ts';
import { isLoopback } from './http/host-check.ts';
import { startHttpServer } from './http/server.ts';
import { openAuthorityKeys, readOperatorKeys } from './settings/key-files.ts';
import type { Settings } from './settings/settings.ts';

/** An authority with its broker, its store and its HTTP, as the settings ask for. */
export interface Served {
  readonly authority: Authority;
  /** Where instances and operators find the broker; without user and password. */
  readonly brokerUrl: string;
  readonly dataDir: string;
  readonly configDir: string;
  readonly trustedKeysFile: string;
  readonly httpUrl: string | undefined;
  /** Stops everything, in the reverse order of starting. */
  stop(): Promise<void>;
}

/** Enough to keep the embedded broker busy while an acknowledgement is on its way. */
const embeddedInFlight = 64;

/** Settings of services that come from neither file nor operator. */
export type GivenSettings = Pick<AuthorityOptions, 'environment' | 'arguments'>;

const noneGiven: GivenSettings = {};

/**
 * Starts all parts in order. One that fails stops those before it.
 * @throws SetpointError whose message is for the one who started it
 */
export async function serve(settings: Settings, logger: Logger, given: GivenSettings = noneGiven): Promise<Served> {
  const stack = new AsyncDisposableStack();
  try {
    return await serveOn(stack, settings, logger, given);
  } catch (cause) {
    await stack.disposeAsync();
    throw cause;
  }
}

async function serveOn(
  stack: AsyncDisposableStack,
  settings: Settings,
  logger: Logger,
  given: GivenSettings,
): Promise<Served> {
  const configDir = await openFolder(settings.configDir, 'SETPOINT_CONFIG_DIR', constants.R_OK);
  const dataDir = await openFolder(settings.dataDir, 'SETPOINT_DATA_DIR', constants.R_OK | constants.W_OK);
  const keys = await openAuthorityKeys(dataDir, { allowsNewKey: settings.allowsNewKey });
  const operatorKeys =
    settings.operatorKeysFile === undefined ? undefined : await readOperatorKeys(settings.operatorKeysFile);
  const store = stack.use(await openSqliteStore({ file: join(dataDir, 'setpoint.db') }));
  const isEmbedded = settings.mqttUrl === undefined;
  const url = settings.mqttUrl ?? (await startBroker(stack, settings));

  let authority: Authority | undefined;
  const http =
    settings.httpPort === 0
      ? undefined
      : await startHttpServer({
          host: settings.httpHost,
          port: settings.httpPort,
          readiness: () => authority?.readiness() ?? { isReady: false, reasons: ['starting'] },
          identify: await openIdentify(settings, logger),
          logger,
          maxBodyBytes: settings.maxEnvelopeBytes,
        });
  if (http) stack.defer(() => http.stop());

  authority = stack.use(
    await startAuthority({
      id: settings.id,
      prefix: settings.prefix,
      store,
      openBus: (options) =>
        createMqttBus({
          url,
          // On our own broker a name that nobody can guess, so that no client takes the connection over.
          clientId: isEmbedded
            ? `${clientIdOf(settings.prefix, settings.id)}-${randomUUID()}`
            : clientIdOf(settings.prefix, settings.id),
          // Our own broker takes any number, and speaks MQTT 3.1.1 alone.
          ...(isEmbedded && { maxInFlight: embeddedInFlight, protocolVersion: 4 }),
          ...options,
        }),
      signer: keys.signer,
      ownKeys: keys.own,
      operatorKeys,
      configDir: settings.configDir,
      rulesDir: settings.rulesDir,
      isStrictStart: settings.isStrictStart,
      includeDirs: settings.includeDirs,
      ownDirs: [settings.dataDir],
      envFile: settings.envFile,
      ...given,
      logger,
      tracing: await findTracing(),
      maxEnvelopeBytes: settings.maxEnvelopeBytes,
    }),
  );
  if (http) {
    http.serve(authority);
    // Before the authority, which then has nobody left to answer.
    stack.defer(() => http.stop());
  }
  return {
    authority,
    brokerUrl: withoutCredentials(url),
    dataDir,
    configDir,
    trustedKeysFile: keys.trustedKeysFile,
    httpUrl: http?.url,
    stop: () => stack.disposeAsync(),
  };
}

/**
 * Who may ask over HTTP. Without keys of its own it lets in whoever is on this machine; not where requests have to be
 * signed, or it would be the way around that.
 */
async function openIdentify({ httpKeysFile, httpHost, operatorKeysFile }: Settings, logger: Logger): Promise<Identify> {
  if (httpKeysFile !== undefined) {
    return identifyByKey(await openApiKeys({ file: httpKeysFile, logger, now: Date.now }), Date.now);
  }
  const cure =
    'set SETPOINT_HTTP_KEYS to a file of keys, each with the name of an operator and the SHA-256 of its token';
  if (!isLoopback(httpHost)) return identifyNobody(`others reach ${httpHost}, so the API needs keys: ${cure}`);
  if (operatorKeysFile !== undefined)
    return identifyNobody(`requests have to be signed here, so the API needs keys: ${cure}`);
  return identifyByName;
}

async function startBroker(stack: AsyncDisposableStack, { brokerHost, brokerPort }: Settings): Promise<string> {
  const broker = await startEmbeddedBroker(brokerHost, brokerPort);
  stack.defer(() => broker.stop());
  return broker.url;
}

/** Makes the folder where it is missing, and makes sure of what is needed of it. Returns its absolute path. */
async function openFolder(folder: string, setting: string, mode: number): Promise<string> {
  const path = resolve(folder);
  try {
    await makeFolder(path);
    await access(path, mode);
    return path;
  } catch (cause) {
    const what = mode & constants.W_OK ? 'written' : 'read';
    const { code } = cause as NodeJS.ErrnoException;
    const message = `${path} can't be ${what} (${code}); give it to this user, or set ${setting} to another folder`;
    throw new SetpointError('options_invalid', message, { cause });
  }
}

/** By steps: `mkdir` with `recursive` goes on for ever in a file system that takes no folders, `/proc` for one. */
async function makeFolder(path: string): Promise<void> {
  const error = await tryMake(path);
  if (error?.code === 'ENOENT' && dirname(path) !== path) {
    await makeFolder(dirname(path));
    const again = await tryMake(path);
    if (again) throw again;
  } else if (error) throw error;
}

async function tryMake(path: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path);
    return undefined;
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST' && (await stat(path)).isDirectory();
    return isThere ? undefined : (cause as NodeJS.ErrnoException);
  }
}

function withoutCredentials(text: string): string {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/$/, '');
}
