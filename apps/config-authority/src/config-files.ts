import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { type CompiledSchema, compileSchema, type Engine, parseYamlFile, type SourcesChange } from '@setpoint/engine';
import {
  createProblem,
  digestOf,
  type Fault,
  isName,
  type JsonObject,
  type Problem,
  SetpointError,
} from '@setpoint/protocol';
import { type FSWatcher, watch } from 'chokidar';
import type { Logger } from 'pino';

/** Reads `<service>.yaml` and `<service>.schema.json` of a folder, now and whenever they change. */
export interface ConfigFiles {
  /** Ends watching; resolves when a file that is being read has been taken in. */
  stop(): Promise<void>;
}

export interface ConfigFilesOptions {
  readonly directory: string;
  readonly engine: Engine;
  readonly logger: Logger;
  /** Told after each file that was taken in, good or bad. */
  readonly onLoaded: () => void;
}

/** A file counts as written when nothing has happened to it for this long. Milliseconds. */
const settleMs = 100;

const fileEndings = ['.yaml', '.yml', '.json'];
const schemaEnding = '.schema.json';

/** Takes in every file of the folder, then watches it. */
export async function openConfigFiles(options: ConfigFilesOptions): Promise<ConfigFiles> {
  const { directory, engine, logger, onLoaded } = options;
  const timers = new Map<string, NodeJS.Timeout>();
  const loading = new Map<string, Promise<void>>();

  /** One after another for a service: what was read last is taken in last. */
  function load(service: string): Promise<void> {
    const turn = (loading.get(service) ?? Promise.resolve()).then(() => loadNow(service)).then(onLoaded);
    const guarded = turn.catch((cause) => logger.error({ err: cause, service }, 'a file could not be taken in'));
    loading.set(service, guarded);
    return guarded;
  }

  async function loadNow(service: string): Promise<void> {
    const sources = await readSources(directory, service);
    const result = await engine.loadSources(service, sources);
    const problem = engine.problems().get(service);
    if (problem) logger.error({ service, problem }, explain(problem));
    else if (result.status === 'applied') {
      logger.info({ service, version: result.version, changed: result.changed }, 'the file makes a new version');
    }
  }

  function settle(path: string): void {
    const name = basename(path);
    const service = serviceOf(name);
    if (service !== undefined) settleService(service);
    // A mounted folder of links: what they lead to was swapped, and the links themselves say nothing.
    else if (name.startsWith('..')) for (const each of loading.keys()) settleService(each);
  }

  function settleService(service: string): void {
    clearTimeout(timers.get(service));
    timers.set(
      service,
      setTimeout(() => {
        timers.delete(service);
        void load(service);
      }, settleMs),
    );
  }

  function warnOfStranger(path: string): void {
    if (isOurs(basename(path))) return;
    const message = 'the file is ignored: its name is not <service>.yaml with a service of a–z, 0–9, "_", "-"';
    logger.warn({ file: path }, message);
  }

  // A folder that can't be read is found out before anything is watched.
  await readdir(directory);
  const watcher = await startWatching(directory, settle, logger);
  watcher.on('add', warnOfStranger);
  const names = await readdir(directory);
  for (const name of names) warnOfStranger(join(directory, name));
  const services = new Set(names.flatMap((name) => serviceOf(name) ?? []));
  await Promise.all([...services].sort().map(load));

  return {
    async stop() {
      await watcher.close();
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all(loading.values());
    },
  };
}

/** Resolves when every later change is seen. */
async function startWatching(directory: string, onEvent: (path: string) => void, logger: Logger): Promise<FSWatcher> {
  const watcher = watch(directory, { ignoreInitial: true, depth: 0 });
  watcher.on('all', (_, path) => onEvent(path));
  watcher.on('error', (cause) =>
    logger.error({ err: cause, directory }, 'watching failed; restart to be sure that changes are seen'),
  );
  await new Promise<void>((settle) => watcher.once('ready', () => settle()));
  return watcher;
}

/** Editors' droppings and hidden files are passed over without a word. */
const isDropping = (name: string): boolean =>
  name.startsWith('.') || name.endsWith('~') || /\.(swp|tmp|bak)$/.test(name);

const isOurs = (name: string): boolean =>
  isDropping(name) || !fileEndings.includes(extname(name)) || serviceOf(name) !== undefined;

function serviceOf(name: string): string | undefined {
  const ending = name.endsWith(schemaEnding) ? schemaEnding : fileEndings.find((candidate) => name.endsWith(candidate));
  if (ending === undefined || isDropping(name)) return undefined;
  const service = name.slice(0, -ending.length);
  return isName(service) ? service : undefined;
}

async function readSources(directory: string, service: string): Promise<Omit<SourcesChange, 'kind'>> {
  const [file, schema] = await Promise.all([readConfig(directory, service), readSchema(directory, service)]);
  const faults = [...('faults' in file ? file.faults : []), ...('faults' in schema ? schema.faults : [])];
  return {
    file: 'faults' in file ? undefined : file.layer,
    schema: 'faults' in schema ? undefined : schema.compiled,
    isSchemaBroken: 'faults' in schema,
    ...(faults.length > 0 && { problem: createProblem('file_invalid', 'the last good document stays', faults) }),
  };
}

async function readConfig(
  directory: string,
  service: string,
): Promise<{ layer: SourcesChange['file'] } | { faults: readonly Fault[] }> {
  const files = fileEndings.map((ending) => join(directory, `${service}${ending}`));
  const texts = await readAll(files);
  if ('faults' in texts) return texts;
  const present = texts.filter((entry): entry is { file: string; text: string } => entry.text !== undefined);
  const [only, ...others] = present;
  if (!only) return { layer: undefined };
  if (others.length > 0) {
    const message = `${present.map(({ file }) => file).join(' and ')} are for one service; keep one of them`;
    return { faults: [{ pointer: '', message, file: only.file, line: 1 }] };
  }
  const parsed = parseYamlFile(only.text, only.file);
  return parsed.kind === 'layer' ? { layer: parsed.layer } : { faults: parsed.faults };
}

async function readAll(
  files: readonly string[],
): Promise<{ file: string; text: string | undefined }[] | { faults: readonly Fault[] }> {
  try {
    return await Promise.all(files.map(async (file) => ({ file, text: await readIfThere(file) })));
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    return { faults: cause.faults };
  }
}

/** Compiling takes tens of milliseconds; a schema that is read again without a change is not compiled again. */
const compiled = new Map<string, CompiledSchema>();

async function readSchema(
  directory: string,
  service: string,
): Promise<{ compiled: CompiledSchema | undefined } | { faults: readonly Fault[] }> {
  const file = join(directory, `${service}${schemaEnding}`);
  try {
    const text = await readIfThere(file);
    if (text === undefined) return { compiled: undefined };
    const schema = parseSchema(text, file);
    const digest = digestOf(schema);
    const known = compiled.get(file);
    const fresh = known?.digest === digest ? known : compileSchema(schema);
    compiled.set(file, fresh);
    return { compiled: fresh };
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    if (cause.code === 'file_invalid') return { faults: cause.faults };
    return { faults: [{ pointer: '', message: cause.message, file, line: 1 }, ...cause.faults] };
  }
}

function parseSchema(text: string, file: string): JsonObject {
  const parsed = parseYamlFile(text, file);
  if (parsed.kind === 'layer') return parsed.layer.document;
  throw new SetpointError('document_invalid', 'the schema is not JSON', { faults: parsed.faults });
}

/** @throws SetpointError `file_invalid` for one that is there and can't be read */
async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    const message = `can't be read (${code})`;
    throw new SetpointError('file_invalid', message, { cause, faults: [{ pointer: '', message, file, line: 1 }] });
  }
}

/** The problem of a file, as one line a fault. */
function explain({ detail, errors = [] }: Problem): string {
  const lines = errors.map(({ file, line, pointer, message, expected, received }) => {
    const place = file === undefined ? '' : `${file}:${line ?? 1}: `;
    const told = received === undefined ? '' : ` (expected ${expected}, received ${received})`;
    return `${place}${pointer} ${message}${told}`;
  });
  return [detail, ...lines].join('\n  ');
}
