import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import { type CliRun, runCli } from '@setpoint/test-support/cli';
import { openWorld, type World } from '@setpoint/test-support/world';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

// The commands about versions, typed as an operator types them, against an authority on aedes with SQLite.

let broker: AedesHarness;
let world: World;

beforeAll(async () => {
  broker = await openAedes();
});
afterAll(() => broker.close());

beforeEach(async () => {
  world = await openWorld(broker);
});
afterEach(() => world[Symbol.asyncDispose]());

const cli = (...args: string[]): Promise<CliRun> =>
  runCli(args, { SETPOINT_MQTT_URL: broker.url, SETPOINT_PREFIX: world.prefix, SETPOINT_OPERATOR: 'ada' });

async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const json = async (...args: string[]) => JSON.parse(await printed(...args, '--json'));

describe('versions on the command line', () => {
  it('Version-05-Tags: versions are tagged, shown, compared and rolled back to by tag', async () => {
    await printed('set', 'stt-worker', '/vad/threshold=0.7', '--reason', 'noise');
    expect(await printed('tag', 'stt-worker', 'release-12')).toBe('tagged: release-12 is version 2 of stt-worker\n');
    await printed('set', 'stt-worker', '/vad/threshold=0.9', '/whisper/model=base');
    expect(await printed('tag', 'stt-worker')).toMatch(/release-12 +2 /);
    expect(await printed('show', 'stt-worker', 'release-12')).toMatch(/\/vad\/threshold +0\.7/);
    expect(await printed('diff', 'stt-worker', 'release-12', 'present')).toMatch(/\/vad\/threshold +0\.7 → 0\.9/);
    expect(await printed('rollback', 'stt-worker', 'release-12', '--only', '/vad')).toBe(
      'applied: stt-worker is at version 4\n  /vad/threshold\n',
    );
    expect(await printed('get', 'stt-worker', '/whisper/model')).toBe('base\n');
    expect(await printed('untag', 'stt-worker', 'release-12')).toContain('applied');
    const { code, stderr } = await cli('rollback', 'stt-worker', 'release-12');
    expect([code, stderr]).toEqual([2, expect.stringContaining('stt-worker has no tag release-12')]);
  });

  it('versions are explained and blamed by layer, line, operator and reason', async () => {
    await printed('set', 'stt-worker', '/whisper/model=small', '--reason', 'better ears');
    const explained = await printed('explain', 'stt-worker');
    expect(explained).toMatch(/\/vad\/threshold = 0\.6\n +yaml_file .*stt-worker\.yaml:2\n +over 0\.5 of default\n/);
    expect(explained).toMatch(/\/whisper\/model = "small"\n +runtime_update by ada, version 2, .*, "better ears"\n/);
    expect(explained).not.toContain('key-from-the-file');
    expect(await printed('explain', 'stt-worker', '/whisper/model', '--of', '1')).toMatch(/default/);
    expect(await printed('blame', 'stt-worker', '/whisper/model')).toMatch(/\/whisper\/model +2 .* ada +better ears/);
    expect((await json('explain', 'stt-worker', '/api/key')).found.explanation).toMatchObject([
      { pointer: '/api/key', value: '*** REDACTED ***', secret: true, layer: 'yaml_file', line: 4 },
    ]);
  });

  it('Version-06-Drafts: versions are prepared as drafts, which no instance runs until they are published', async () => {
    const saved = await printed('draft', 'save', 'stt-worker', 'night', '/vad/threshold=0.8', '--reason', 'quiet');
    expect(saved).toContain('/vad/threshold');
    expect(await printed('get', 'stt-worker', '/vad/threshold')).toBe('0.6\n');
    expect(await printed('draft', 'list', 'stt-worker')).toMatch(/night +1 .* ada +quiet/);
    expect(await printed('draft', 'diff', 'stt-worker', 'night')).toMatch(/\/vad\/threshold +0\.6 → 0\.8/);
    expect(await printed('draft', 'publish', 'stt-worker', 'night')).toContain('applied: stt-worker is at version 2');
    expect((await cli('draft', 'publish', 'stt-worker', 'night')).code).toBe(2);
    await printed('draft', 'save', 'stt-worker', 'day', '/vad/threshold=0.5');
    await printed('draft', 'drop', 'stt-worker', 'day');
    const refused = await cli('draft', 'save', 'stt-worker', 'bad', '/vad/threshold=8');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('/vad/threshold')]);
  });

  it('versions of all services are saved as a profile and restored together', async () => {
    expect(await printed('profile', 'save', 'calm')).toBe('saved: calm has the versions of 1 services\n');
    await printed('set', 'stt-worker', '/vad/threshold=0.9');
    expect(await printed('profile', 'activate', 'calm', '--reason', 'noise is over')).toBe(
      'applied: calm is active\n  stt-worker  version 3\n',
    );
    expect(await printed('get', 'stt-worker', '/vad/threshold')).toBe('0.6\n');
    expect(await printed('profile', 'list')).toMatch(/calm +1 .* ada/);
    await printed('profile', 'drop', 'calm');
    expect((await cli('profile', 'activate', 'calm')).code).toBe(2);
  });

  it('versions are found in the history and by text, and verified', async () => {
    await printed('set', 'stt-worker', '/vad/threshold=0.7');
    const all = await printed('history');
    expect(all).toMatch(/stt-worker +2 .* ada +\/vad\/threshold/);
    expect(all).toMatch(/stt-worker +1 .* file:/);
    expect(await printed('history', '--author', 'ada', '--since', '1h')).not.toContain('file:');
    expect(await printed('log', 'stt-worker', '--pointer', '/whisper')).not.toMatch(/^2 /m);
    expect(await printed('search', 'threshold')).toMatch(/stt-worker +\/vad\/threshold +0\.7 +1\.0/);
    expect(await printed('search', 'key-from')).not.toContain('/api/key');
    expect(await printed('fsck')).toBe('sound: 2 versions verified\n');
    expect(await printed('backup')).toMatch(/^written: .+ in the backups folder/);
  });

  it('changes are checked before they become versions, and a fix is proposed and not applied', async () => {
    const path = join(world.dataDir, 'proposal.yaml');
    await writeFile(path, 'vad:\n  threshold: "0.7"\nwhisper:\n  model: Base\napi:\n  key: another\n');
    const { code, stdout, stderr } = await cli('validate', 'stt-worker', '--file', path, '--fix');
    expect(code).toBe(2);
    expect(stderr).toContain('proposal.yaml:2');
    expect(stdout.split('\n').sort()).toEqual([
      '',
      '  + /vad/threshold: 0.7',
      '  + /whisper/model: "base"',
      '  - /vad/threshold: "0.7"',
      '  - /whisper/model: "Base"',
      'this would mend it:',
    ]);
    expect(await printed('get', 'stt-worker', '/vad/threshold')).toBe('0.6\n');
    expect(await printed('diff', 'stt-worker', 'layer:yaml_file', `file:${path}`)).toMatch(/threshold +0\.6 → "0\.7"/);
  });

  it.each([
    [['show', 'stt-worker', '--at', 'yesterday'], '"yesterday" is no time'],
    [['diff', 'stt-worker', '1', 'layer:file'], 'there is no layer file'],
    [['log', 'stt-worker', '--since', '5 days'], '"5 days" is no time'],
    [['draft', 'save', 'stt-worker', 'x', '/whisper/language=null'], 'a draft takes settings'],
  ])('wrong arguments are refused: %j', async (args, message) => {
    const { code, stderr } = await cli(...args);
    expect([code, stderr]).toEqual([64, expect.stringContaining(message)]);
  });
});
