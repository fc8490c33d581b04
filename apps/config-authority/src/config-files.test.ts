import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine, type Engine } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createInbox, type Inbox } from '../../../test/support/samples.ts';
import { type ConfigFiles, openConfigFiles } from './config-files.ts';

let root: string;
let directory: string;
let engine: Engine;
let loaded: Inbox<void>;
let lines: Record<string, unknown>[];
let opened: ConfigFiles | undefined;
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

async function open(): Promise<void> {
  opened = await openConfigFiles({ directory, engine, logger, onLoaded: () => loaded.put() });
}

/** Resolves when a file was taken in after which all is as wanted. */
async function until(wanted: () => boolean): Promise<void> {
  while (!wanted()) await loaded.next();
}

const valuesOf = (service: string): unknown => engine.current(service)?.snapshot.values;
const versionOf = (service: string): number => engine.current(service)?.snapshot.version ?? 0;
const problemOf = (service: string) => engine.problems().get(service);

describe('the files that are there at the start', () => {
  it('are all taken in before it resolves, YAML and JSON alike', async () => {
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

  it('may be schemas alone, or none', async () => {
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
  ])('make no service where the name is %s', async (name, isTold) => {
    await write(name, 'threshold: 0.5');
    await open();
    expect(engine.services()).toEqual([]);
    expect(lines.map(({ file }) => file)).toEqual(isTold ? [path(name)] : []);
  });

  it('of a folder that is not there are an error', async () => {
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

  it('that is edited makes one version', async () => {
    await write('vad.yaml', 'threshold: 0.5');
    await open();
    for (const threshold of [0.6, 0.7, 0.8]) await write('vad.yaml', `threshold: ${threshold}`);
    await until(() => versionOf('vad') === 2);
    expect(valuesOf('vad')).toEqual({ threshold: 0.8 });
  });

  it('that is saved without a change makes none', async () => {
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
    await open();
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

  it('that can not be read is a problem, and is taken in when it can', async () => {
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

  it('of a name that is none is told when it appears', async () => {
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
  it('are a problem, and neither is taken, until one is gone', async () => {
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

  it('is what the file must fit, and is looked at again when it is edited', async () => {
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
    ['no JSON', '{"type":', /not JSON/],
    ['no schema', '{"type":"no such type"}', /./],
  ])('that is %s is a problem, and the one before goes on', async (_, text, message) => {
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

describe('what goes wrong', () => {
  it('with one file is told, and the next is taken in', async () => {
    let isBroken = true;
    const broken: Engine = {
      ...engine,
      loadSources: (...given) =>
        isBroken ? Promise.reject(new Error('a fault of ours')) : engine.loadSources(...given),
    };
    await write('vad.yaml', 'threshold: 0.5');
    opened = await openConfigFiles({ directory, engine: broken, logger, onLoaded: () => loaded.put() });
    expect(lines).toMatchObject([{ level: 50, service: 'vad', msg: 'a file could not be taken in' }]);
    isBroken = false;
    await write('vad.yaml', 'threshold: 0.6');
    await until(() => versionOf('vad') === 1);
  });
});

describe('stop', () => {
  it('waits for a file that is being read, and takes no other', async () => {
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
    const files = await openConfigFiles({ directory, engine: slow, logger, onLoaded: () => loaded.put() });
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
