import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  type CompiledSchema,
  type Engine,
  type EnvironmentTexts,
  type Layer,
  layFiles,
  layTexts,
  type NamedText,
  readVariables,
  type SourcesChange,
} from '@setpoint/engine';
import { createProblem, type JsonObject, type Result, SetpointError } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { explainProblem } from '../readiness.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { folderEnding, isStranger, serviceOf } from './file-names.ts';
import { readService, type ServiceFiles } from './read-service.ts';
import { startSourceWatch } from './watch.ts';

/**
 * All that services are configured with besides what operators set: their files, the env file, the environment and the
 * arguments, now and whenever they change.
 */
export interface Sources {
  /** Reads the sources of a service again. Resolves when they are taken in, with what has become of them. */
  reload(service: string): Promise<Result>;
  /** The same for every service. */
  reloadAll(): Promise<void>;
  /** What runs says of what type a setting is, where no schema file does: texts are read anew. */
  retype(service: string): void;
  /** Ends watching; resolves when what is being read has been taken in. */
  stop(): Promise<void>;
}

export interface SourcesOptions {
  readonly directory: string;
  /** The variables of the process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A dotenv file. @default `.env` in the folder, where there is one */
  readonly envFile?: string | undefined;
  /** By service, in order. */
  readonly arguments: ReadonlyMap<string, readonly NamedText[]>;
  readonly engine: Engine;
  readonly logger: Logger;
  /** Told after each service that was taken in, good or bad. */
  readonly onLoaded: () => void;
}

/** A file counts as written when nothing has happened to it for this long. Milliseconds. */
const settleMs = 100;

/** Takes in every service of the folder, then watches it. */
export async function openSources(options: SourcesOptions): Promise<Sources> {
  const { directory, engine, logger, onLoaded } = options;
  const root = resolve(directory);
  const envFile = options.envFile ?? join(directory, '.env');
  const timers = new Map<string, NodeJS.Timeout>();
  const loading = new Map<string, Promise<unknown>>();
  const read = new Map<string, ServiceFiles>();
  const typedBy = new Map<string, string>();
  const running = new Set<string>();
  let environment: Environment;
  let texts: { readonly file: EnvironmentTexts; readonly process: EnvironmentTexts };

  /** One after another for a service: what was read last is taken in last. */
  function load(service: string): Promise<Result | undefined> {
    return inTurn(service, async () => takeIn(service, await readNow(service)));
  }

  async function readNow(service: string): Promise<ServiceFiles> {
    const files = await readService(directory, service);
    read.set(service, files);
    watched.add(files.files.map((file) => resolve(file)));
    return files;
  }

  function inTurn(service: string, work: () => Promise<Result>): Promise<Result | undefined> {
    const turn = (loading.get(service) ?? Promise.resolve()).then(work);
    const guarded = turn.then(
      (result) => {
        onLoaded();
        return result;
      },
      (cause) => {
        logger.error({ err: cause, service }, 'a file could not be taken in');
        return undefined;
      },
    );
    loading.set(service, guarded);
    return guarded;
  }

  async function takeIn(service: string, files: ServiceFiles): Promise<Result> {
    const schemas = files.schema ? [files.schema] : engine.schemas(service);
    typedBy.set(service, digestsOf(schemas));
    const result = await engine.loadSources(service, toChange(service, files, schemas));
    const problem = engine.problems().get(service);
    if (problem) logger.error({ service, problem }, explainProblem(problem));
    else if (result.status === 'applied') {
      logger.info({ service, version: result.version, changed: result.changed }, 'the file makes a new version');
    }
    return result;
  }

  function toChange(
    service: string,
    files: ServiceFiles,
    schemas: readonly CompiledSchema[],
  ): Omit<SourcesChange, 'kind'> {
    const { schema, isSchemaBroken } = files;
    const faults = [...files.faults, ...environment.faults];
    const problem = createProblem('file_invalid', 'the last good document stays', faults);
    const change = { schema, isSchemaBroken };
    return faults.length > 0
      ? { ...change, layers: [], problem }
      : { ...change, layers: layersOf(service, files, schemas) };
  }

  function layersOf(service: string, files: ServiceFiles, schemas: readonly CompiledSchema[]): Layer[] {
    const { variables } = environment;
    const [lowest, ...higher] = files.roots;
    const author = `file:${files.main}`;
    const file = lowest && layFiles([lowest, ...higher], { service, author, schemas, variables });
    const beneath: JsonObject = file?.document ?? {};
    const lay = (name: Layer['name'], given: readonly NamedText[] | undefined, by: string): Layer | undefined =>
      layTexts(given ?? [], { name, author: by, schemas, beneath });
    return [
      file,
      lay('env_file', texts.file.byService.get(service), `env_file:${envFile}`),
      lay('environment', texts.process.byService.get(service), 'environment'),
      lay('cli_argument', options.arguments.get(service), 'arguments'),
    ].filter((layer) => layer !== undefined);
  }

  async function readEnvironmentOf(services: readonly string[]): Promise<void> {
    environment = await readEnvironment({
      process: options.environment,
      file: envFile,
      isRequired: options.envFile !== undefined,
    });
    texts = {
      file: readVariables(environment.file, services),
      process: readVariables(environment.process, services),
    };
  }

  function warnOfStrangers(services: readonly string[]): void {
    for (const name of new Set([...texts.process.strangers, ...texts.file.strangers])) {
      logger.warn({ name, services }, `the variable ${name} names no service that is known here`);
    }
    for (const [service, given] of options.arguments) {
      const names = given.map(({ place }) => place.name);
      if (!services.includes(service)) logger.warn({ service, names }, `${names.join(', ')}: no service of that name`);
    }
  }

  /** Those of the folder, of the store, and those that run. */
  async function findServices(): Promise<string[]> {
    const names = await readdir(directory);
    const known = [...names.flatMap((name) => serviceOf(name) ?? []), ...engine.services(), ...read.keys(), ...running];
    return [...new Set(known)].sort();
  }

  async function loadAll(): Promise<void> {
    const services = await findServices();
    await readEnvironmentOf(services);
    await Promise.all(services.map(readNow));
    // What is referred to is taken in before what refers to it.
    const order = orderByReference(services, referredBy);
    await Promise.all(
      order.map((service) => inTurn(service, () => takeIn(service, read.get(service) as ServiceFiles))),
    );
    warnOfStrangers(services);
  }

  /** The services that one refers to. */
  function referredBy(service: string): readonly string[] {
    const files = read.get(service);
    if (!files || files.faults.length > 0) return [];
    const schemas = files.schema ? [files.schema] : engine.schemas(service);
    const references = layersOf(service, files, schemas).flatMap((layer) => layer.references ?? []);
    return references.flatMap(({ parts }) =>
      parts.flatMap((part) => (typeof part === 'string' ? [] : (part.service ?? []))),
    );
  }

  async function reload(service: string): Promise<Result> {
    await readEnvironmentOf(await findServices());
    const result = await load(service);
    if (result) return result;
    throw new SetpointError('file_invalid', `the sources of ${service} could not be read; see the log`);
  }

  function onEvent(path: string): void {
    const [folder, name] = [dirname(path), basename(path)];
    if (path === resolve(envFile)) return settle('', () => loadAll());
    // A mounted folder of links: what they lead to was swapped, and the links themselves say nothing.
    const isSwapped = folder === root && name.startsWith('..');
    const own = folder === root ? serviceOf(name) : undefined;
    const inFolder = isServiceFolder(folder) ? serviceOf(basename(folder)) : undefined;
    for (const service of new Set([...loading.keys(), ...[own, inFolder].filter((found) => found !== undefined)])) {
      const isReadBy = read.get(service)?.files.some((file) => resolve(file) === path) ?? false;
      if (isSwapped || isReadBy || service === own || service === inFolder) settle(service, () => load(service));
    }
  }

  function settle(key: string, work: () => Promise<unknown>): void {
    clearTimeout(timers.get(key));
    const run = (): void => {
      timers.delete(key);
      work().catch((cause) => logger.error({ err: cause }, 'the sources could not be read'));
    };
    timers.set(key, setTimeout(run, settleMs));
  }

  const isServiceFolder = (path: string): boolean =>
    dirname(path) === root && path.endsWith(folderEnding) && serviceOf(basename(path)) !== undefined;

  function warnOfStranger(path: string): void {
    if (!isStranger(basename(path))) return;
    const message = 'the file is ignored: its name is not <service>.yaml with a service of a–z, 0–9, "_", "-"';
    logger.warn({ file: join(directory, basename(path)) }, message);
  }

  // A folder that can't be read is found out before anything is watched.
  await readdir(directory);
  const watched = await startSourceWatch({
    directory: root,
    isFolder: isServiceFolder,
    onEvent,
    onAdded: warnOfStranger,
    logger,
  });
  for (const name of await readdir(directory)) {
    warnOfStranger(name);
    if (isServiceFolder(join(root, name))) watched.addFolder(join(root, name));
  }
  watched.add([resolve(envFile)]);
  await loadAll();
  // Where services refer to one another, the first could not be told so.
  for (const service of engine.problems().keys()) if (referredBy(service).length > 0) await load(service);

  return {
    reload,
    reloadAll: loadAll,
    retype(service) {
      const files = read.get(service);
      const schemas = engine.schemas(service);
      if (files?.schema || typedBy.get(service) === digestsOf(schemas)) return;
      if (files) void inTurn(service, () => takeIn(service, files));
      else if (schemas.length > 0 && !running.has(service)) {
        // It was not known when the environment was read.
        running.add(service);
        settle(service, () => reload(service));
      }
    },
    async stop() {
      await watched.stop();
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all(loading.values());
    },
  };
}

/** Each after those that it names; in a circle the first stays first. */
function orderByReference(services: readonly string[], referredBy: (service: string) => readonly string[]): string[] {
  const ordered = new Set<string>();
  const visit = (service: string, chain: readonly string[]): void => {
    if (ordered.has(service) || chain.includes(service)) return;
    for (const other of referredBy(service)) visit(other, [...chain, service]);
    ordered.add(service);
  };
  for (const service of services) visit(service, []);
  return [...ordered].filter((service) => services.includes(service));
}

const digestsOf = (schemas: readonly CompiledSchema[]): string => schemas.map(({ digest }) => digest).join();
