import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLastGoodFile, type LastGoodFile } from './last-good-file.ts';

const files = vi.hoisted(() => ({
  rename: undefined as ((from: string, to: string) => Promise<void>) | undefined,
}));
vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>();
  return { ...real, rename: (from: string, to: string) => (files.rename ?? real.rename)(from, to) };
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'setpoint-'));
});
afterEach(async () => {
  files.rename = undefined;
  await rm(directory, { recursive: true, force: true });
});

const openIn = (folder: string, prefix = '', authority = 'config-authority'): LastGoodFile =>
  createLastGoodFile({ directory: folder, prefix, service: 'vad', authority });

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('the last good file', () => {
  it('opening the last good file removes temporary files of dead processes, and no others', async () => {
    const lastGood = openIn(directory);
    await lastGood.write(Buffer.from('one'));
    const name = 'vad@config-authority.json';
    const draft = (digit: string): string => `${name}.${digit.repeat(8)}-0000-4000-8000-000000000000`;
    const others = [`${name}.applying`, `asr@config-authority.json.${draft('c').slice(name.length + 1)}`];
    const [old, present] = [draft('a'), draft('b')];
    for (const each of [old, present, ...others]) await writeFile(join(directory, each), 'half');
    const longAgo = new Date(Date.now() - 3_600_000);
    for (const each of [old, ...others]) await utimes(join(directory, each), longAgo, longAgo);
    expect(await openIn(directory).read()).toEqual(Buffer.from('one'));
    expect((await readdir(directory)).sort()).toEqual([name, present, ...others].sort());
  });

  it('the last good file does not exist at first', async () => {
    expect(await openIn(directory).read()).toBeUndefined();
  });

  it('the last good file is read as the bytes that were written, and replaced as a whole', async () => {
    const lastGood = openIn(directory);
    await lastGood.write(Buffer.from('one'));
    await lastGood.write(Buffer.from([0, 255]));
    expect(await lastGood.read()).toEqual(Buffer.from([0, 255]));
    expect(await readdir(directory)).toEqual(['vad@config-authority.json']);
  });

  it('the last good file can be set aside, with or without replacing what was set aside before', async () => {
    const lastGood = openIn(directory);
    await lastGood.setAside(true);
    await lastGood.setAside(false);
    expect(await lastGood.readAside()).toBeUndefined();
    for (const [text, replaces] of [
      ['one', false],
      ['two', false],
      ['three', true],
    ] as const) {
      await lastGood.write(Buffer.from(text));
      await lastGood.setAside(replaces);
      await lastGood.write(Buffer.from('next'));
      expect(String(await lastGood.readAside())).toBe(text === 'two' ? 'one' : text);
    }
    // Also where that is what is there already.
    await lastGood.setAside(true);
    await lastGood.setAside(true);
    expect((await readdir(directory)).sort()).toEqual([
      'vad@config-authority.json',
      'vad@config-authority.json.before',
    ]);
  });

  it("the last good file lies in a folder of its environment's prefix", async () => {
    const lastGood = openIn(directory, 'acme/prod');
    expect(lastGood.file).toBe(join(directory, 'acme', 'prod', 'vad@config-authority.json'));
    await lastGood.write(Buffer.from('one'));
    expect(await readFile(lastGood.file, 'utf8')).toBe('one');
  });

  it('the last good file is readable by its owner alone, whatever the umask and the previous file', async () => {
    const mask = process.umask(0);
    try {
      const lastGood = openIn(join(directory, 'made'));
      await lastGood.write(Buffer.from('secret'));
      expect(await modeOf(lastGood.file)).toBe(0o600);
      expect(await modeOf(dirname(lastGood.file))).toBe(0o700);
      await chmod(lastGood.file, 0o644);
      await lastGood.write(Buffer.from('secret too'));
      expect(await modeOf(lastGood.file)).toBe(0o600);
    } finally {
      process.umask(mask);
    }
  });

  it('the last good file is the old one after a crash between write and rename', async () => {
    const lastGood = openIn(directory);
    await lastGood.write(Buffer.from('old'));
    const reached = Promise.withResolvers<string>();
    files.rename = (from) => {
      reached.resolve(from);
      return new Promise(() => {});
    };
    void lastGood.write(Buffer.from('new'));
    expect(await readFile(await reached.promise, 'utf8')).toBe('new');
    expect(await modeOf(await reached.promise)).toBe(0o600);
    expect(await openIn(directory).read()).toEqual(Buffer.from('old'));
  });

  it('the last good file is the old one when the new one cannot be renamed, and no temporary file stays', async () => {
    const lastGood = openIn(directory);
    await lastGood.write(Buffer.from('old'));
    files.rename = () => Promise.reject(new Error('EXDEV'));
    await expect(lastGood.write(Buffer.from('new'))).rejects.toThrow('EXDEV');
    expect(await lastGood.read()).toEqual(Buffer.from('old'));
    expect(await readdir(directory)).toEqual(['vad@config-authority.json']);
  });

  it('the last good file is one of two that are written at the same time', async () => {
    const [one, two] = [openIn(directory), openIn(directory)];
    const texts = ['1'.repeat(100_000), '2'.repeat(100_000)];
    await Promise.all([one.write(Buffer.from(texts[0] ?? '')), two.write(Buffer.from(texts[1] ?? ''))]);
    expect(texts).toContain(String(await one.read()));
    expect(await readdir(directory)).toEqual(['vad@config-authority.json']);
  });

  it('an error of the file system is thrown as it is', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(openIn(join(directory, 'file')).write(Buffer.from('x'))).rejects.toMatchObject({
      code: expect.stringMatching(/ENOTDIR|EEXIST/),
    });
    await mkdir(join(directory, 'vad@config-authority.json'));
    await expect(openIn(directory).read()).rejects.toMatchObject({ code: 'EISDIR' });
  });
});
