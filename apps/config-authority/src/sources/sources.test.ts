import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createContractRegistry, createEngine, type Engine, parseAssignment } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { createInbox, type Inbox } from '@setpoint/test-support/samples';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSources, type Sources, type SourcesOptions } from './sources.ts';

let root: string;
let directory: string;
let engine: Engine;
let loaded: Inbox<void>;
let lines: Record<string, unknown>[];
let opened: Sources | undefined;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'setpoint-'));
  directory = join(root, 'config');
  await mkdir(directory);
  engine = await createEngine({ store: createMemoryStore() });
  loaded = createInbox();
  lines = [];
  opened = undefined;
});
afterEach(async () => {
  await opened?.stop();
  await rm(root, { recursive: true, force: true });
});

const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
const path = (name: string): string => join(directory, name);
const write = (name: string, text: string): Promise<void> => writeFile(path(name), text);

const options = (rest: Partial<SourcesOptions> = {}): SourcesOptions => ({
  directory,
  environment: {},
  arguments: new Map(),
  engine,
  logger,
  onLoaded: () => loaded.put(),
  ...rest,
});

async function open(rest: Partial<SourcesOptions> = {}): Promise<void> {
  opened = await openSources(options(rest));
}

/** Resolves when a file was taken in after which all is as wanted. */
async function until(wanted: () => boolean): Promise<void> {
  while (!wanted()) await loaded.next();
}

const valuesOf = (service: string): unknown => engine.current(service)?.snapshot.values;
const versionOf = (service: string): number => engine.current(service)?.snapshot.version ?? 0;
const problemOf = (service: string) => engine.problems().get(service);

describe('the files that are there at the start', () => {
  it('are all loaded before opening resolves, YAML and JSON alike', async () => {
    await write('vad.yaml', 'threshold: 0.5');
    await write('asr.yml', 'model: base');
    await write('tts.json', '{"voice":"alba"}');
    await open();
    expect(loaded.all).toHaveLength(3);
    expect([valuesOf('vad'), valuesOf('asr'), valuesOf('tts')]).toEqual([
      { threshold: 0.5 },
      { model: 'base' },
      { voice: 'alba' },
    ]);
    expect(lines.map(({ service, msg }) => [service, msg]).sort()).toEqual([
      ['asr', 'the file makes a new version'],
      ['tts', 'the file makes a new version'],
      ['vad', 'the file makes a new version'],
    ]);
  });

  it('may be only schemas, or none at all', async () => {
    await write('vad.schema.json', '{"type":"object","properties":{"threshold":{"default":0.5}}}');
    await open();
    expect(engine.services()).toEqual([]);
    expect(engine.problems().size).toBe(0);
  });

  it.each([
    ['Vad.yaml', true],
    ['my service.yaml', true],
    ['vad.extra.yaml', true],
    ['.schema.json', false],
    ['.vad.yaml', false],
    ['vad.yaml~', false],
    ['vad.yaml.swp', false],
    ['vad.tmp', false],
    ['#vad.yaml#', false],
    ['README.md', false],
    ['4913', false],
  ])('make no service when the name is %s', async (name, isTold) => {
    await write(name, 'threshold: 0.5');
    await open();
    expect(engine.services()).toEqual([]);
    expect(lines.map(({ file }) => file)).toEqual(isTold ? [path(name)] : []);
  });

  it('are an error when their folder is missing', async () => {
    await rm(directory, { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a file', () => {
  it('that appears makes a service', async () => {
    await open();
    await write('vad.yaml', 'threshold: 0.5');
    await until(() => versionOf('vad') === 1);
    expect(valuesOf('vad')).toEqual({ threshold: 0.5 });
  });

  it('that is edited makes exactly one version', async () => {
    await write('vad.yaml', 'threshold: 0.5');
    await open();
    for (const threshold of [0.6, 0.7, 0.8]) await write('vad.yaml', `threshold: ${threshold}`);
    await until(() => versionOf('vad') === 2);
    expect(valuesOf('vad')).toEqual({ threshold: 0.8 });
  });

  it('that is saved without a change makes no version', async () => {
    await write('vad.yaml', 'threshold: 0.5');
    await open();
    await write('vad.yaml', 'threshold: 0.50 # the same');
    await write('marker.yaml', 'a: 1');
    await until(() => versionOf('marker') === 1 && loaded.all.length >= 3);
    expect(versionOf('vad')).toBe(1);
  });

  it('that an editor puts in place by renaming is seen, also the second time', async () => {
    await write('vad.yaml', 'threshold: 0.5');
    await open();
    for (const threshold of [0.6, 0.7]) {
      await write('.vad.yaml.draft', `threshold: ${threshold}`);
      await rename(path('.vad.yaml.draft'), path('vad.yaml'));
      await until(() => JSON.stringify(valuesOf('vad')) === `{"threshold":${threshold}}`);
    }
    expect(versionOf('vad')).toBe(3);
  });

  it('that an editor moves away and writes anew is seen', async () => {
    await write('vad.yaml', 'threshold: 0.5');
    await open();
    await rename(path('vad.yaml'), path('vad.yaml~'));
    await write('vad.yaml', 'threshold: 0.6');
    await until(() => versionOf('vad') === 2);
    expect(valuesOf('vad')).toEqual({ threshold: 0.6 });
    expect(engine.problems().size).toBe(0);
  });

  it('that is a link, and is pointed to another file, is seen', async () => {
    for (const version of ['one', 'two']) {
      await mkdir(join(root, version));
      await writeFile(join(root, version, 'vad.yaml'), `name: ${version}`);
    }
    await symlink(join(root, 'one', 'vad.yaml'), path('vad.yaml'));
    await open({ includeDirs: [root] });
    expect(valuesOf('vad')).toEqual({ name: 'one' });
    await symlink(join(root, 'two', 'vad.yaml'), path('.vad.yaml.next'));
    await rename(path('.vad.yaml.next'), path('vad.yaml'));
    await until(() => versionOf('vad') === 2);
    expect(valuesOf('vad')).toEqual({ name: 'two' });
  });

  it('that is swapped as a whole folder is seen, as orchestrators do it', async () => {
    for (const version of ['one', 'two']) {
      await mkdir(path(`..${version}`));
      await write(`..${version}/vad.yaml`, `name: ${version}`);
    }
    await symlink('..one', path('..data'));
    await symlink('..data/vad.yaml', path('vad.yaml'));
    await open();
    expect(valuesOf('vad')).toEqual({ name: 'one' });
    await symlink('..two', path('..data_next'));
    await rename(path('..data_next'), path('..data'));
    await until(() => versionOf('vad') === 2);
    expect(valuesOf('vad')).toEqual({ name: 'two' });
  });

  it('that is deleted leaves the document, and is a problem until it is back', async () => {
    await write('vad.yaml', 'threshold: 0.5');
    await open();
    await unlink(path('vad.yaml'));
    await until(() => problemOf('vad')?.code === 'file_missing');
    expect(valuesOf('vad')).toEqual({ threshold: 0.5 });
    await write('vad.yaml', 'threshold: 0.5');
    await until(() => problemOf('vad') === undefined);
    expect(versionOf('vad')).toBe(1);
  });

  it('that is broken leaves the document, and says where', async () => {
    await write('vad.yaml', 'threshold: 0.5');
    await open();
    await write('vad.yaml', 'threshold: 0.6\nname: "no end');
    await until(() => problemOf('vad') !== undefined);
    expect(problemOf('vad')).toMatchObject({ code: 'file_invalid', errors: [{ file: path('vad.yaml'), line: 2 }] });
    expect(valuesOf('vad')).toEqual({ threshold: 0.5 });
    expect(lines.at(-1)?.msg).toContain(`${path('vad.yaml')}:2: `);
  });

  it('that cannot be read is a problem, and is loaded when it can be read', async () => {
    await mkdir(path('vad.yaml'));
    await mkdir(path('asr.schema.json'));
    await write('asr.yaml', 'model: base');
    await open();
    expect(problemOf('vad')).toMatchObject({
      code: 'file_invalid',
      errors: [{ file: path('vad.yaml'), message: "can't be read (EISDIR)" }],
    });
    expect(problemOf('asr')).toMatchObject({
      errors: [{ file: path('asr.schema.json'), message: "can't be read (EISDIR)" }],
    });
    await rm(path('vad.yaml'), { recursive: true });
    await write('vad.yaml', 'threshold: 0.5');
    await until(() => versionOf('vad') === 1);
    expect(problemOf('vad')).toBeUndefined();
  });

  it('with an invalid name is logged when it appears', async () => {
    await open();
    await write('Vad.yaml', 'threshold: 0.5');
    await write('marker.yaml', 'a: 1');
    await until(() => versionOf('marker') === 1);
    expect(lines.filter(({ level }) => level === 40)).toMatchObject([{ file: path('Vad.yaml') }]);
  });

  it('in a folder that appears is left alone', async () => {
    await open();
    await mkdir(path('more'));
    await writeFile(join(directory, 'more', 'vad.yaml'), 'threshold: 0.5');
    await mkdir(path('empty'));
    await write('marker.yaml', 'a: 1');
    await until(() => versionOf('marker') === 1);
    expect(engine.services()).toEqual(['marker']);
  });
});

describe('two files of one service', () => {
  it('are a problem, and neither is loaded until one is gone', async () => {
    await write('vad.yaml', 'threshold: 0.5');
    await open();
    await write('vad.json', '{"threshold":0.6}');
    await until(() => problemOf('vad') !== undefined);
    expect(problemOf('vad')?.errors).toEqual([
      {
        pointer: '',
        message: `${path('vad.yaml')} and ${path('vad.json')} are for one service; keep one of them`,
        file: path('vad.yaml'),
        line: 1,
      },
    ]);
    expect(valuesOf('vad')).toEqual({ threshold: 0.5 });
    await unlink(path('vad.yaml'));
    await until(() => problemOf('vad') === undefined);
    expect(valuesOf('vad')).toEqual({ threshold: 0.6 });
  });
});

describe('the schema beside a file', () => {
  const schema = (maximum: number): string =>
    JSON.stringify({ type: 'object', properties: { threshold: { type: 'number', maximum } } });

  it('is checked with the file, and again when it is edited', async () => {
    await write('vad.schema.json', schema(1));
    await write('vad.yaml', 'threshold: 0.8');
    await open();
    expect(versionOf('vad')).toBe(1);
    await write('vad.schema.json', schema(0.7));
    await until(() => problemOf('vad') !== undefined);
    expect(problemOf('vad')).toMatchObject({
      code: 'file_invalid',
      errors: [{ pointer: '/threshold', expected: 'at most 0.7', received: '0.8', file: path('vad.yaml'), line: 1 }],
    });
    expect(lines.at(-1)?.msg).toMatch(/vad\.yaml:1: \/threshold .* \(expected at most 0\.7, received 0\.8\)$/);
    await write('vad.schema.json', schema(0.9));
    await until(() => problemOf('vad') === undefined);
    expect(versionOf('vad')).toBe(1);
  });

  it.each([
    ['not JSON', '{"type":', /not JSON/],
    ['not a JSON Schema', '{"type":"no such type"}', /./],
  ])('that is %s is a problem, and the earlier schema stays', async (_, text, message) => {
    await write('vad.schema.json', schema(1));
    await write('vad.yaml', 'threshold: 0.8');
    await open();
    await write('vad.schema.json', text);
    await until(() => problemOf('vad') !== undefined);
    const [fault] = problemOf('vad')?.errors ?? [];
    expect(fault).toMatchObject({
      pointer: '',
      file: path('vad.schema.json'),
      line: 1,
      message: expect.stringMatching(message),
    });
    expect(valuesOf('vad')).toEqual({ threshold: 0.8 });
  });
});

describe('an error while loading', () => {
  it('one file is logged, and the next file is loaded', async () => {
    let isBroken = true;
    const broken: Engine = {
      ...engine,
      loadSources: (...given) =>
        isBroken ? Promise.reject(new Error('a fault of ours')) : engine.loadSources(...given),
    };
    await write('vad.yaml', 'threshold: 0.5');
    opened = await openSources(options({ engine: broken }));
    expect(lines).toMatchObject([{ level: 50, service: 'vad', msg: 'the files of a service could not be taken in' }]);
    isBroken = false;
    await write('vad.yaml', 'threshold: 0.6');
    await until(() => versionOf('vad') === 1);
  });
});

describe('stopping the sources', () => {
  it('waits for a file that is being read, and loads no other', async () => {
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const slow: Engine = {
      ...engine,
      loadSources: async (...given) => {
        reached.resolve();
        await go.promise;
        return engine.loadSources(...given);
      },
    };
    const files = await openSources(options({ engine: slow }));
    await write('vad.yaml', 'threshold: 0.5');
    await reached.promise;
    await write('asr.yaml', 'model: base');
    let isStopped = false;
    const stopping = files.stop().then(() => {
      isStopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isStopped).toBe(false);
    go.resolve();
    await stopping;
    expect(engine.services()).toEqual(['vad']);
    await files.stop();
  });
});

describe('the layers of a setting', () => {
  const schema = JSON.stringify({
    properties: {
      gap: { type: 'integer', default: 5 },
      on: { type: 'boolean' },
      key: { type: 'string', 'x-secret': true },
    },
  });
  const given = (service: string, text: string) => {
    const parsed = parseAssignment(text);
    if (parsed.kind === 'fault') throw new Error(parsed.message);
    return new Map([[service, [parsed.setting]]]);
  };

  /** As a process that is started with these. */
  async function start(rest: Partial<SourcesOptions>): Promise<unknown> {
    await opened?.stop();
    opened = await openSources(options(rest));
    return (valuesOf('vad') as { gap?: number } | undefined)?.gap;
  }

  it('override one another in order, and removing one uncovers the next, also across starts', async () => {
    const store = createMemoryStore();
    engine = await createEngine({ store });
    await write('vad.schema.json', schema);
    await write('vad.yaml', 'gap: 10');
    await write('.env', 'SETPOINT_CFG__VAD__GAP=12');
    const environment = { SETPOINT_CFG__VAD__GAP: '15' };
    const by = { requester: 'ann' };
    const merge = (gap: number | null, id: string) =>
      engine.request({ service: 'vad', author: 'ann', op: 'merge', patch: { gap } }, id, by);
    expect(await start({ environment, arguments: given('vad', 'vad/gap=20') })).toBe(20);
    expect((await merge(17, 'r-1')).warnings).toMatchObject([{ pointer: '/gap' }]);
    engine = await createEngine({ store });
    expect(await start({ environment })).toBe(17);
    await merge(null, 'r-2');
    expect(valuesOf('vad')).toEqual({ gap: 15 });
    expect(await start({})).toBe(12);
    await unlink(path('.env'));
    await until(() => (valuesOf('vad') as { gap: number }).gap === 10);
    await write('vad.yaml', '{}');
    await until(() => (valuesOf('vad') as { gap: number }).gap === 5);
  });

  it('are reloaded on demand, while values set by operators and arguments stay', async () => {
    await write('vad.schema.json', schema);
    await write('vad.yaml', 'gap: 10\non: true');
    const environment: Record<string, string> = { SETPOINT_CFG__VAD__KEY: 'a' };
    await start({ environment, arguments: given('vad', 'vad/on=false') });
    await engine.request({ service: 'vad', author: 'ann', op: 'merge', patch: { gap: 17 } }, 'r-1', {
      requester: 'ann',
    });
    environment.SETPOINT_CFG__VAD__KEY = 'b';
    await write('vad.yaml', 'gap: 11\non: true');
    const result = await opened?.reload('vad');
    expect(result).toMatchObject({ status: 'applied', changed: ['/key'] });
    expect(valuesOf('vad')).toEqual({ gap: 17, on: false, key: 'b' });
    environment.SETPOINT_CFG__VAD__KEY = 'c';
    await opened?.reloadAll();
    expect(valuesOf('vad')).toEqual({ gap: 17, on: false, key: 'c' });
  });

  it('are typed by the contracts of live instances when there is no schema file', async () => {
    const contracts = createContractRegistry();
    engine = await createEngine({ store: createMemoryStore(), contracts });
    await write('vad.yaml', 'gap: 1');
    await start({ environment: { SETPOINT_CFG__VAD__NAME: '007' } });
    expect(valuesOf('vad')).toEqual({ gap: 1, name: 7 });
    contracts.announce({
      service: 'vad',
      digest: 'sha256:c',
      schema: { properties: { gap: {}, name: { type: 'string' } } },
    });
    contracts.setLive('vad', new Map([['vad-1', 'sha256:c']]));
    opened?.retype('vad');
    await until(() => versionOf('vad') === 2);
    expect(valuesOf('vad')).toEqual({ gap: 1, name: '007' });
  });

  it('log a warning for variables and arguments that name no service', async () => {
    await start({ environment: { SETPOINT_CFG__NONE__X: 'hunter2' }, arguments: given('none', 'none/x=hunter2') });
    expect(lines.map(({ msg }) => msg)).toEqual([
      'the variable SETPOINT_CFG__NONE__X names no service that is known here',
      '--set none/x: no service of that name',
    ]);
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  it('need the env file that was configured', async () => {
    await write('vad.yaml', 'gap: 1');
    await start({ envFile: join(root, 'none.env') });
    expect(problemOf('vad')?.errors).toMatchObject([{ file: join(root, 'none.env'), line: 1 }]);
    await writeFile(join(root, 'none.env'), 'SETPOINT_CFG__VAD__GAP=3');
    await until(() => problemOf('vad') === undefined);
    expect(valuesOf('vad')).toEqual({ gap: 3 });
  });
});

describe('more files of one service', () => {
  it('lie in its folder, are ordered by name, and are noticed when they appear and disappear', async () => {
    await write('vad.yaml', 'a: 1\nb: 1');
    await mkdir(path('vad.d'));
    await write('vad.d/20.yaml', 'b: 20');
    await write('vad.d/10.json', '{"b": 10, "c": 10}');
    await write('vad.d/notes.txt', 'no');
    await open();
    expect(valuesOf('vad')).toEqual({ a: 1, b: 20, c: 10 });
    await write('vad.d/30.yml', 'a: 30');
    await until(() => versionOf('vad') === 2);
    expect(valuesOf('vad')).toEqual({ a: 30, b: 20, c: 10 });
    await unlink(path('vad.d/20.yaml'));
    await until(() => versionOf('vad') === 3);
    expect(valuesOf('vad')).toEqual({ a: 30, b: 10, c: 10 });
  });

  it('may be in a folder that appears later, and may be the only files', async () => {
    await open();
    await mkdir(path('vad.d'));
    await write('vad.d/a.yaml', 'a: 1');
    await until(() => versionOf('vad') === 1);
    expect(engine.current('vad')?.snapshot.author).toBe(`file:${path('vad.d/a.yaml')}`);
  });

  it('may be shared, also from another folder, and every service that includes them follows', async () => {
    await writeFile(join(root, 'base.yaml'), 'x: 1');
    await write('_shared.yaml', 'includes: [../base.yaml]\ny: 1');
    await write('vad.yaml', 'includes: [_shared.yaml]');
    await write('asr.yaml', 'includes: _shared.yaml\ny: 2');
    await open({ includeDirs: [root] });
    expect([engine.services(), valuesOf('vad'), valuesOf('asr')]).toEqual([
      ['asr', 'vad'],
      { x: 1, y: 1 },
      { x: 1, y: 2 },
    ]);
    await writeFile(join(root, 'base.yaml'), 'x: 5');
    await until(() => versionOf('vad') === 2 && versionOf('asr') === 2);
    await write('_shared.yaml', 'y: 7');
    await until(() => versionOf('vad') === 3 && versionOf('asr') === 3);
    expect([valuesOf('vad'), valuesOf('asr')]).toEqual([{ y: 7 }, { y: 2 }]);
  });

  it('that include a missing file are a problem until it appears', async () => {
    await write('vad.yaml', 'includes: [_base.yaml]\na: 1');
    await open();
    expect(problemOf('vad')?.errors).toMatchObject([
      { message: `includes ${path('_base.yaml')}, which there is not`, file: path('vad.yaml'), line: 1 },
    ]);
    await write('_base.yaml', 'b: 2');
    await until(() => problemOf('vad') === undefined);
    expect(valuesOf('vad')).toEqual({ a: 1, b: 2 });
  });
});

describe('services that refer to others', () => {
  it('are loaded in any order of names, and follow a change of the others', async () => {
    await write('asr.yaml', 'host: ${ref:shared#/mqtt/host}\nport: "${MQTT_PORT:1883}"');
    await write('aaa.yaml', 'host: ${ref:asr#/host}');
    await write('shared.yaml', 'mqtt: {host: a}');
    await open();
    expect(engine.problems().size).toBe(0);
    expect(lines.map(({ level }) => level)).toEqual([30, 30, 30]);
    expect(['aaa', 'asr', 'shared'].map(versionOf)).toEqual([1, 1, 1]);
    expect(valuesOf('asr')).toEqual({ host: 'a', port: 1883 });
    await write('shared.yaml', 'mqtt: {host: b}');
    await until(() => versionOf('shared') === 2);
    await opened?.reload('asr');
    expect(valuesOf('asr')).toEqual({ host: 'b', port: 1883 });
  });

  it('are a problem when they refer to each other, and the chain is named', async () => {
    await write('vad.yaml', 'a: 1\nb: ${ref:asr#/x}');
    await write('asr.yaml', 'x: ${ref:vad#/a}');
    await open();
    for (const [service, chain] of [
      ['asr', 'asr → vad → asr'],
      ['vad', 'vad → asr → vad'],
    ] as const) {
      expect(problemOf(service)?.errors).toContainEqual(
        expect.objectContaining({ message: `services refer to one another: ${chain}` }),
      );
    }
  });
});

describe('what is no configuration', () => {
  it('Isolation-40-Files-Inside: is not included from outside the folder, unless its folder is allowed', async () => {
    await writeFile(join(root, 'secret.yaml'), 'password: hunter2');
    await write('vad.yaml', 'a: 1\nincludes: [../secret.yaml]');
    await open();
    expect(valuesOf('vad')).toBeUndefined();
    expect(problemOf('vad')?.errors).toEqual([
      {
        pointer: '/includes',
        message: `${path('../secret.yaml')} lies outside the configuration folder; allow its folder with SETPOINT_INCLUDE_DIRS`,
        file: path('vad.yaml'),
        line: 2,
      },
    ]);
  });

  it('Isolation-40-Files-Inside: is not followed by a link that leads out of the folder', async () => {
    await writeFile(join(root, 'other.yaml'), 'a: 1');
    await symlink(join(root, 'other.yaml'), path('vad.yaml'));
    await mkdir(join(directory, '..data'));
    await write('..data/asr.yaml', 'a: 2');
    await symlink('..data/asr.yaml', path('asr.yaml'));
    await open();
    expect(problemOf('vad')?.errors).toMatchObject([{ message: expect.stringContaining('lies outside') }]);
    // As Kubernetes mounts a ConfigMap.
    expect(valuesOf('asr')).toEqual({ a: 2 });
  });

  it('Isolation-40-Files-Inside: is never read from the folder of the signing key, wherever that lies', async () => {
    const ownDir = join(directory, 'data');
    await mkdir(ownDir);
    await writeFile(join(ownDir, 'signing-key.json'), '{"d":"private"}');
    await write('vad.yaml', 'includes: [data/signing-key.json]');
    await open({ ownDirs: [ownDir], includeDirs: [ownDir] });
    expect(problemOf('vad')?.errors).toMatchObject([
      { message: expect.stringContaining('never configuration'), line: 1 },
    ]);
    expect(valuesOf('vad')).toBeUndefined();
  });

  it.skipIf(process.platform === 'win32')(
    'Isolation-41-Regular-Files: is a pipe or a device, which neither stops the start nor the other services',
    async () => {
      await promisify(execFile)('mkfifo', [path('vad.yaml')]);
      await symlink('/dev/zero', path('tts.yaml'));
      await write('asr.yaml', 'a: 1');
      await open({ includeDirs: ['/dev'] });
      expect(valuesOf('asr')).toEqual({ a: 1 });
      for (const service of ['vad', 'tts']) {
        expect(problemOf(service)?.errors).toMatchObject([{ message: "can't be read (NOT_A_FILE)" }]);
      }
    },
  );
});
