import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { CompiledSchema, Engine, NamedText } from '@setpoint/engine';
import { type Result, SetpointError } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { explainProblem } from '../readiness.ts';
import { createRefuseFile, type RefuseFile } from './allowed-files.ts';
import { readEnvironment } from './environment.ts';
import { folderEnding, isStranger, serviceOf } from './file-names.ts';
import { readService, type ServiceFiles } from './read-service.ts';
import {
  orderByReference,
  referencedServices,
  type Surroundings,
  surroundingsOf,
  toSourcesChange,
} from './service-layers.ts';

import { type SourceWatch, startSourceWatch } from './watch.ts';

/**
 * Everything that configures services besides what operators set: their files, the env file, the environment and the
 * arguments, now and whenever they change.
 */
export interface Sources {
  /** Reads the sources of a service again. Resolves to the result once they were taken in. */
  reload(service: string): Promise<Result>;
  /** Reads the sources of every service again. */
  reloadAll(): Promise<void>;
  /** Call when the contracts of a service changed: without a schema file they say of which type its texts are. */
  retype(service: string): void;
  /** Ends watching. Resolves when what is being read was taken in. */
  stop(): Promise<void>;
}

export interface SourcesOptions {
  readonly directory: string;
  /** The variables of the process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A dotenv file. @default `.env` in the folder, if it exists */
  readonly envFile?: string | undefined;
  /** The settings of the command line, by service, in order. */
  readonly arguments: ReadonlyMap<string, readonly NamedText[]>;
  /** Folders besides that files may be included from, or linked to. @default none */
  readonly includeDirs?: readonly string[] | undefined;
  /** Folders of the authority's own, which are never read as configuration. @default none */
  readonly ownDirs?: readonly string[] | undefined;
  readonly engine: Engine;
  readonly logger: Logger;
  /** Called after each service that was taken in, whether or not its files are valid. */
  readonly onLoaded: () => void;
}

/** A file counts as written when it has not changed for this long. Milliseconds. */
const settleMs = 100;

/**
 * Takes in every service of the folder, then watches it.
 * @throws whatever the file system throws for a folder that can't be read
 */
export async function openSources(options: SourcesOptions): Promise<Sources> {
  const sources = new FolderSources(options);
  await sources.open();
  return sources;
}

class FolderSources implements Sources {
  readonly #options: SourcesOptions;
  readonly #refuse: RefuseFile;
  readonly #root: string;
  readonly #envFile: string;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** The last load of each service: loads of one service run one after another. */
  readonly #loading = new Map<string, Promise<unknown>>();
  readonly #read = new Map<string, ServiceFiles>();
  /** The digests of the schemas by which the texts of a service were typed last. */
  readonly #typedBy = new Map<string, string>();
  /** Services that are known only because they run. */
  readonly #running = new Set<string>();
  #surroundings: Surroundings | undefined;
  #watch: SourceWatch | undefined;

  constructor(options: SourcesOptions) {
    this.#options = options;
    this.#root = resolve(options.directory);
    const { directory, includeDirs = [], ownDirs = [] } = options;
    this.#refuse = createRefuseFile({ directory, includeDirs, ownDirs });
    this.#envFile = options.envFile ?? join(options.directory, '.env');
  }

  async open(): Promise<void> {
    const { directory, engine } = this.#options;
    // A folder that can't be read is reported before anything is watched.
    await readdir(directory);
    await this.#startWatch();
    await this.reloadAll();
    // Services that refer to each other in a circle could not all be taken in at the first attempt.
    for (const service of engine.problems().keys()) {
      if (this.#referencesOf(service).length > 0) await this.#load(service);
    }
  }

  async reload(service: string): Promise<Result> {
    await this.#readEnvironment(await this.#findServices());
    const result = await this.#load(service);
    if (result) return result;
    throw new SetpointError('file_invalid', `the sources of ${service} could not be read; see the log`);
  }

  async reloadAll(): Promise<void> {
    const services = await this.#findServices();
    await this.#readEnvironment(services);
    await Promise.all(services.map((service) => this.#readFiles(service)));
    const order = orderByReference(services, (service) => this.#referencesOf(service));
    await Promise.all(
      order.map((service) =>
        this.#inOrder(service, async () =>
          this.#takeIn(service, this.#read.get(service) ?? (await this.#readFiles(service))),
        ),
      ),
    );
    this.#warnAboutUnknownServices(services);
  }

  retype(service: string): void {
    const { engine } = this.#options;
    const files = this.#read.get(service);
    const schemas = engine.schemas(service);
    if (files?.schema || this.#typedBy.get(service) === digestsOf(schemas)) return;
    if (files) void this.#inOrder(service, () => this.#takeIn(service, files));
    else if (schemas.length > 0 && !this.#running.has(service)) {
      // The service was not known when the environment was read.
      this.#running.add(service);
      this.#settle(service, () => this.reload(service));
    }
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#loading.values());
  }

  #load(service: string): Promise<Result | undefined> {
    return this.#inOrder(service, async () => this.#takeIn(service, await this.#readFiles(service)));
  }

  async #readFiles(service: string): Promise<ServiceFiles> {
    const files = await readService(this.#options.directory, service, this.#refuse);
    this.#read.set(service, files);
    this.#watch?.add(files.files.map((file) => resolve(file)));
    return files;
  }

  /** Runs the work of one service in order: what was read last is taken in last. Resolves to undefined if it failed. */
  #inOrder(service: string, work: () => Promise<Result>): Promise<Result | undefined> {
    const { logger, onLoaded } = this.#options;
    const guarded = (this.#loading.get(service) ?? Promise.resolve()).then(work).then(
      (result) => {
        onLoaded();
        return result;
      },
      (cause) => {
        logger.error({ err: cause, service }, 'the files of a service could not be taken in');
        return undefined;
      },
    );
    this.#loading.set(service, guarded);
    return guarded;
  }

  async #takeIn(service: string, files: ServiceFiles): Promise<Result> {
    const { engine, logger } = this.#options;
    const schemas = this.#schemasOf(service, files);
    this.#typedBy.set(service, digestsOf(schemas));
    const change = toSourcesChange(service, files, schemas, this.#known);
    const result = await engine.loadSources(service, change);
    const problem = engine.problems().get(service);
    if (problem) logger.error({ service, problem }, explainProblem(problem));
    else if (result.status === 'applied') {
      logger.info({ service, version: result.version, changed: result.changed }, 'the file makes a new version');
    }
    return result;
  }

  #referencesOf(service: string): readonly string[] {
    const files = this.#read.get(service);
    return referencedServices(service, files, this.#schemasOf(service, files), this.#known);
  }

  /** The schema file of a service, else the contracts of its instances. */
  #schemasOf(service: string, files: ServiceFiles | undefined): readonly CompiledSchema[] {
    return files?.schema ? [files.schema] : this.#options.engine.schemas(service);
  }

  get #known(): Surroundings {
    if (!this.#surroundings) throw new Error('the sources are used before the environment was read');
    return this.#surroundings;
  }

  async #readEnvironment(services: readonly string[]): Promise<void> {
    const { environment: process, envFile, arguments: given } = this.#options;
    const environment = await readEnvironment({ process, file: this.#envFile, isRequired: envFile !== undefined });
    this.#surroundings = surroundingsOf(environment, services, { envFile: this.#envFile, arguments: given });
  }

  /** The services of the folder, of the store, and those that run. */
  async #findServices(): Promise<string[]> {
    const { directory, engine } = this.#options;
    const inFolder = (await readdir(directory)).flatMap((name) => serviceOf(name) ?? []);
    return [...new Set([...inFolder, ...engine.services(), ...this.#read.keys(), ...this.#running])].sort();
  }

  #warnAboutUnknownServices(services: readonly string[]): void {
    const { logger, arguments: given } = this.#options;
    const { processTexts, fileTexts } = this.#known;
    for (const name of new Set([...processTexts.strangers, ...fileTexts.strangers])) {
      logger.warn({ name, services }, `the variable ${name} names no service that is known here`);
    }
    for (const [service, texts] of given) {
      const names = texts.map(({ place }) => place.name);
      if (!services.includes(service)) logger.warn({ service, names }, `${names.join(', ')}: no service of that name`);
    }
  }

  async #startWatch(): Promise<void> {
    const { directory, logger } = this.#options;
    const watch = await startSourceWatch({
      directory: this.#root,
      isFolder: (path) => this.#isServiceFolder(path),
      onEvent: (path) => this.#onEvent(path),
      onAdded: (path) => this.#warnAboutName(path),
      logger,
    });
    this.#watch = watch;
    for (const name of await readdir(directory)) {
      this.#warnAboutName(name);
      if (this.#isServiceFolder(join(this.#root, name))) watch.addFolder(join(this.#root, name));
    }
    watch.add([resolve(this.#envFile)]);
  }

  #onEvent(path: string): void {
    if (path === resolve(this.#envFile)) return this.#settle('', () => this.reloadAll());
    const [folder, name] = [dirname(path), basename(path)];
    // In a mounted folder of links only the folder behind them is swapped; the links themselves cause no event.
    const isSwapped = folder === this.#root && name.startsWith('..');
    const own = folder === this.#root ? serviceOf(name) : undefined;
    const inFolder = this.#isServiceFolder(folder) ? serviceOf(basename(folder)) : undefined;
    const named = [own, inFolder].filter((service) => service !== undefined);
    for (const service of new Set([...this.#loading.keys(), ...named])) {
      const isReadBy = this.#read.get(service)?.files.some((file) => resolve(file) === path) ?? false;
      if (isSwapped || isReadBy || named.includes(service)) this.#settle(service, () => this.#load(service));
    }
  }

  /** Runs the work when nothing has happened to its files for a moment. */
  #settle(key: string, work: () => Promise<unknown>): void {
    clearTimeout(this.#timers.get(key));
    const run = (): void => {
      this.#timers.delete(key);
      work().catch((cause) => this.#options.logger.error({ err: cause }, 'the sources could not be read'));
    };
    this.#timers.set(key, setTimeout(run, settleMs));
  }

  #isServiceFolder(path: string): boolean {
    return dirname(path) === this.#root && path.endsWith(folderEnding) && serviceOf(basename(path)) !== undefined;
  }

  #warnAboutName(path: string): void {
    if (!isStranger(basename(path))) return;
    const message = 'the file is ignored: its name is not <service>.yaml with a service of a–z, 0–9, "_", "-"';
    this.#options.logger.warn({ file: join(this.#options.directory, basename(path)) }, message);
  }
}

const digestsOf = (schemas: readonly CompiledSchema[]): string => schemas.map(({ digest }) => digest).join();
