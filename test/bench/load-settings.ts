import { deepStrictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { clockMs } from './harness/clock.ts';
import { hundredDocument, hundredSchema, schemaFileOf } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { buildPackages } from './harness/packages.ts';
import { startPart } from './harness/part.ts';
import { createRows, type Row, type RowOptions } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';
import { openTemporaryFolder } from './harness/temporary-folder.ts';
import type { SettingsLoad, SettingsLoaderPart } from './parts/settings-loader.ts';

type Kind = SettingsLoaderPart['kind'];
type Part = Exclude<keyof SettingsLoad, 'values'>;
type Loads = Record<Kind, SettingsLoad[]>;

const parts: Readonly<Record<Part, string>> = {
  wholeMs: 'from process start',
  ownMs: "without Node's start",
  loadMs: 'imported → loaded',
};

/** A hundred settings from a YAML file, in a process that starts with it. */
export const loadSettings: Measurement = {
  name: 'load-settings',
  isOnceEnough: true,
  async run({ url, name }, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const { folder: packages } = stack.use(await buildPackages(['protocol', 'engine']));
    const folder = await openTemporaryFolder(stack);
    await writeFile(join(folder, 'default.yaml'), stringify(hundredDocument()));
    await writeFile(join(folder, 'default.schema.json'), JSON.stringify(schemaFileOf(hundredSchema)));

    const loads: Loads = { plain: [], c12: [], 'node-config': [], convict: [], published: [], sources: [] };
    const load = (kind: Kind) => async () => {
      await using part = await startPart('settings-loader', { kind, folder, packages } satisfies SettingsLoaderPart);
      const taken = await part.call<SettingsLoad>('loaded');
      deepStrictEqual(taken.values, hundredDocument());
      loads[kind].push(taken);
      return [taken.wholeMs];
    };
    const kinds = Object.keys(loads) as Kind[];
    const takes = Object.fromEntries(kinds.map((kind) => [kind, load(kind)]));
    const authority = () => startWholeAuthority(folder, url);
    // What is read for the first time comes from the disk.
    await interleave(1, { ...takes, authority });
    for (const taken of Object.values(loads)) taken.length = 0;
    const whole = await interleave(isQuick ? 5 : 20, { ...takes, authority });

    return toRows(name, loads, whole.authority ?? []);
  },
};

function toRows(broker: string, loads: Loads, authority: readonly number[]): Row[] {
  const row = createRows('9 load 100 settings', broker);
  const rowOf = (kind: Kind, part: Part, what: string, options: RowOptions = {}): Row => {
    const samplesOf = (of: Kind): number[] => loads[of].map((taken) => taken[part]);
    const beside = { name: 'yaml + ajv', samples: samplesOf('plain') };
    return row(`${what}: ${parts[part]}`, samplesOf(kind), { ...(kind !== 'plain' && { beside }), ...options });
  };
  const peer = (kind: Kind, what: string) => [rowOf(kind, 'wholeMs', what), rowOf(kind, 'ownMs', what)];
  const own = (kind: Kind, what: string) => [
    rowOf(kind, 'wholeMs', what, { atMost: 500 }),
    rowOf(kind, 'ownMs', what),
    rowOf(kind, 'loadMs', what),
  ];
  return [
    ...peer('plain', 'yaml + ajv'),
    ...peer('c12', 'c12, nothing validated'),
    ...peer('node-config', 'node-config, nothing validated'),
    ...peer('convict', 'yaml + convict'),
    ...own('published', 'engine as published'),
    ...own('sources', 'engine from its sources'),
    row('whole authority from its sources: command → up', authority),
  ];
}

const main = fileURLToPath(new URL('../../apps/config-authority/src/main.ts', import.meta.url));

/** As `npm start` does, with a store on disk and a broker that is there. */
async function startWholeAuthority(configDir: string, url: string): Promise<readonly number[]> {
  await using stack = new AsyncDisposableStack();
  const environment = {
    SETPOINT_CONFIG_DIR: configDir,
    SETPOINT_DATA_DIR: await openTemporaryFolder(stack),
    SETPOINT_MQTT_URL: url,
    SETPOINT_PREFIX: 'whole',
    SETPOINT_HTTP_PORT: '0',
    SETPOINT_LOG_FORMAT: 'json',
  };
  const startedAtMs = clockMs();
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((settle) => child.once('exit', () => settle()));
  stack.defer(async () => {
    child.kill();
    await exited;
  });
  for await (const [line] of on(createInterface(child.stdout), 'line', { close: ['close'] })) {
    if (line.includes('the authority is up')) return [clockMs() - startedAtMs];
  }
  throw new Error('the authority ended before it was up');
}
