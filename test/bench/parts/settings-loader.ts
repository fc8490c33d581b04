import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { servePart } from '../harness/part.ts';

export interface SettingsLoaderPart {
  readonly kind: keyof typeof loaders;
  /** Where `default.yaml` and `default.schema.json` are. */
  readonly folder: string;
  /** The packages as they are published, in JavaScript: their folder. */
  readonly packages: string;
}

export interface SettingsLoad {
  readonly values: unknown;
  /** From the start of the process. Milliseconds. */
  readonly wholeMs: number;
  /** Of these without Node's own start: from the import of the library. */
  readonly ownMs: number;
  /** Of these once the library is imported. */
  readonly loadMs: number;
}

// A process that loads a hundred settings and nothing else. What it needs is imported when it is known.

let loaded: SettingsLoad;
let importedAt = 0;

const imported = <T>(library: T): T => {
  importedAt = performance.now();
  return library;
};

const loaders = {
  sources: async ({ folder }: SettingsLoaderPart) =>
    loadByEngine(
      folder,
      imported({ ...(await import('@setpoint/engine')), ...(await import('@setpoint/engine/store/memory')) }),
    ),
  published: async ({ folder, packages }: SettingsLoaderPart) => {
    const dist = `${packages}/engine/dist`;
    return loadByEngine(
      folder,
      imported({ ...(await import(`${dist}/index.js`)), ...(await import(`${dist}/store/memory.js`)) }),
    );
  },
  plain: async ({ folder }: SettingsLoaderPart) => {
    const [{ parse }, { Ajv2020 }] = imported([await import('yaml'), await import('ajv/dist/2020.js')]);
    const values = parse(await readYaml(folder));
    if (!new Ajv2020({ strict: false }).validate(await readSchema(folder), values)) throw new Error('refused');
    return values;
  },
  c12: async ({ folder }: SettingsLoaderPart) => {
    const { loadConfig } = imported(await import('c12'));
    return (await loadConfig({ cwd: folder, configFile: 'default.yaml', rcFile: false })).config;
  },
  convict: async ({ folder }: SettingsLoaderPart) => {
    const [{ openConvict }, { parse }] = imported([
      await import('../harness/convict-settings.ts'),
      await import('yaml'),
    ]);
    const values = parse(await readYaml(folder));
    return openConvict(Object.keys(values), values).validate({ allowed: 'strict' }).getProperties();
  },
  'node-config': async ({ folder }: SettingsLoaderPart) => {
    process.env.NODE_CONFIG_DIR = folder;
    // It loads as it is imported.
    return (await import('config')).default.util.toObject();
  },
};

type EngineLibrary = Pick<
  typeof import('@setpoint/engine') & typeof import('@setpoint/engine/store/memory'),
  'compileSchema' | 'createEngine' | 'createMemoryStore' | 'layFiles' | 'parsePlaced'
>;

async function loadByEngine(folder: string, library: EngineLibrary): Promise<unknown> {
  const { compileSchema, createEngine, createMemoryStore, layFiles, parsePlaced } = library;
  const engine = await createEngine({ store: createMemoryStore() });
  const schema = compileSchema(await readSchema(folder));
  const file = parsePlaced(await readYaml(folder), 'default.yaml');
  if (file.kind === 'faults') throw new Error('refused');
  const options = { service: 'default', author: 'file', schemas: [schema], variables: () => undefined };
  await engine.loadSources('default', { layers: [layFiles([file.root], options)], schema });
  return engine.current('default')?.snapshot.values;
}

const readYaml = (folder: string): Promise<string> => readFile(join(folder, 'default.yaml'), 'utf8');
const readSchema = async (folder: string) => JSON.parse(await readFile(join(folder, 'default.schema.json'), 'utf8'));

servePart({
  open: async (options: SettingsLoaderPart) => {
    const startedAt = performance.now();
    const values = await loaders[options.kind](options);
    const wholeMs = performance.now();
    loaded = { values, wholeMs, ownMs: wholeMs - startedAt, loadMs: wholeMs - importedAt };
  },
  loaded: () => loaded,
});
