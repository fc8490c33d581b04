import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '@setpoint/client';
import { startAuthority } from '@setpoint/config-authority';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import { createKeyRing, createSigner, createSigningKey, trustedKeyOf } from '@setpoint/protocol';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import type { CliRun } from '@setpoint/test-support/cli';
import { sttSchema, sttSchemaFile } from '@setpoint/test-support/stt-service';
import { parse as parseDotenv } from 'dotenv';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const file = 'vad:\n  threshold: 0.6\nwhisper:\n  model: small\napi:\n  key: key-from-the-file\n';
const logger = pino({ level: 'silent' });
const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
let broker: AedesHarness;
let prefixes = 0;

beforeAll(async () => {
  broker = await openAedes();
});
afterAll(() => broker.close());

interface Stage extends AsyncDisposable {
  readonly prefix: string;
  /** Where the command line is called. */
  readonly folder: string;
  cli(...args: string[]): Promise<CliRun>;
}

/** An authority with one service, and an empty folder to work in. */
async function openStage(): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  const open = async (): Promise<string> => {
    const made = await mkdtemp(join(tmpdir(), 'setpoint-authoring-'));
    stack.defer(() => rm(made, { recursive: true, force: true }));
    return made;
  };
  const [configDir, folder] = [await open(), await open()];
  await writeFile(join(configDir, 'stt-worker.yaml'), file);
  await writeFile(join(configDir, 'stt-worker.schema.json'), sttSchemaFile);
  const key = createSigningKey();
  const prefix = `authoring-${process.pid}-${++prefixes}`;
  stack.use(
    await startAuthority({
      prefix,
      store: stack.use(createMemoryStore()),
      openBus: (options) => broker.connect({ clientId: `authority-${prefix}`, ...options }),
      signer: createSigner(key),
      ownKeys: createKeyRing({ keys: [trustedKeyOf(key, 'authority')] }),
      configDir,
      logger,
    }),
  );
  const environment = { SETPOINT_MQTT_URL: broker.url, SETPOINT_PREFIX: prefix, SETPOINT_OPERATOR: 'ada' };
  return {
    prefix,
    folder,
    cli: (...args) => runIn(folder, args, environment),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The command line as users run it, in a folder of their own. */
function runIn(cwd: string, args: readonly string[], environment: Record<string, string>): Promise<CliRun> {
  const env = { PATH: process.env.PATH ?? '', ...environment };
  const { promise, resolve } = Promise.withResolvers<CliRun>();
  const child = execFile(process.execPath, [main, ...args], { cwd, env }, (_, stdout, stderr) =>
    resolve({ code: child.exitCode, stdout, stderr }),
  );
  child.stdin?.end();
  return promise;
}

describe('setpoint export and import', () => {
  it('export gives the document to other tools and never a secret', async () => {
    await using stage = await openStage();
    await stage.cli('set', 'stt-worker', '/vad/threshold=0.7');
    const shown = {
      vad: { threshold: 0.7, frames: 30 },
      whisper: { model: 'small', device: 'cpu' },
      api: { key: '*** REDACTED ***' },
      languages: ['en'],
    };
    const yaml = await stage.cli('export', 'stt-worker');
    expect(yaml).toMatchObject({ code: 0, stderr: '' });
    expect(parse(yaml.stdout)).toEqual(shown);
    expect(yaml.stdout).toContain('\n  threshold: 0.7 # runtime_update by ada, v2\n');
    expect(yaml.stdout).toMatch(/\n {2}model: small # yaml_file \S*stt-worker.yaml:4\n/);
    expect(yaml.stdout).toContain('\n  frames: 30 # default\n');
    const [json, kubernetes, dotenv, tfvars] = await Promise.all(
      ['json', 'kubernetes', 'dotenv', 'tfvars'].map((format) => stage.cli('export', 'stt-worker', '--format', format)),
    );
    expect(JSON.parse(json?.stdout ?? '').values).toEqual(shown);
    expect(parse(parseAllDocuments(kubernetes?.stdout ?? '')[0]?.toJS().data['config.yaml'])).toEqual(shown);
    expect(parseDotenv(dotenv?.stdout ?? '')).toMatchObject({ SETPOINT_CFG__STT_WORKER__VAD__THRESHOLD: '0.7' });
    expect(tfvars?.stdout).toContain('"threshold" = 0.7');
    for (const each of [yaml, json, kubernetes, dotenv, tfvars]) {
      expect(each?.code).toBe(0);
      expect(each?.stdout).not.toContain('key-from-the-file');
    }
  });

  it('an export that is imported again changes nothing, and a changed one keeps the secret', async () => {
    await using stage = await openStage();
    for (const name of ['a.yaml', 'a.json']) {
      const format = name.slice(2);
      expect((await stage.cli('export', 'stt-worker', '--format', format, '--out', name)).stdout).toBe(
        `wrote ${name}\n`,
      );
      const same = await stage.cli('import', 'stt-worker', '--file', name);
      expect(same).toMatchObject({ code: 0, stdout: 'unchanged: stt-worker stays at version 1\n' });
    }
    const text = await readFile(join(stage.folder, 'a.yaml'), 'utf8');
    await writeFile(join(stage.folder, 'b.yaml'), text.replace('threshold: 0.6', 'threshold: 0.8'));
    const changed = await stage.cli('import', 'stt-worker', '--file', 'b.yaml', '--reason', 'quieter');
    expect(changed).toMatchObject({ code: 0, stdout: 'applied: stt-worker is at version 2\n  /vad/threshold\n' });
    expect((await stage.cli('get', 'stt-worker', '/api/key', '--show-secrets')).stdout).toBe('key-from-the-file\n');
  });

  it('import refuses a secret marker where there is no secret, with its line', async () => {
    await using stage = await openStage();
    await writeFile(join(stage.folder, 'bad.yaml'), 'vad:\n  threshold: "*** REDACTED ***"\n');
    const refused = await stage.cli('import', 'stt-worker', '--file', 'bad.yaml');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('bad.yaml:2  /vad/threshold');
  });

  it('an unknown format is refused with the list of formats', async () => {
    await using stage = await openStage();
    const { code, stderr } = await stage.cli('export', 'stt-worker', '--format', 'toml');
    expect(code).toBe(64);
    expect(stderr).toContain('must be one of yaml, json, kubernetes, compose, dotenv, tfvars');
  });
});

describe('setpoint schema, docs and example', () => {
  it('schema, docs and example describe the document as the authority checks it', async () => {
    await using stage = await openStage();
    const schema = await stage.cli('schema', 'stt-worker');
    expect(JSON.parse(schema.stdout)).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      properties: { vad: { properties: { threshold: { maximum: 1 } } } },
    });
    const docs = await stage.cli('docs', 'stt-worker');
    expect(docs.stdout).toMatch(
      /^\| `\/vad\/threshold` \| number \| `0.5` \| 0 to 1 \| live \| {2}\| `0.5` \| yaml\\_file \S*stt-worker.yaml:2 \|$/m,
    );
    expect(docs.stdout).not.toContain('key-from-the-file');
    const example = await stage.cli('example', 'stt-worker', '--out', 'example.yaml');
    expect(example).toMatchObject({ code: 0, stdout: 'wrote example.yaml\n' });
    expect(await stage.cli('validate', 'stt-worker', '--file', 'example.yaml')).toMatchObject({ code: 0 });
  });

  it('Author-02-Editor: let an editor check YAML, and keep its other settings', async () => {
    await using stage = await openStage();
    expect((await stage.cli('schema', 'stt-worker', '--vscode')).stdout).toBe(
      'wrote .vscode/stt-worker.schema.json\nwrote .vscode/settings.json\n',
    );
    const read = (name: string): Promise<string> => readFile(join(stage.folder, '.vscode', name), 'utf8');
    expect(JSON.parse(await read('stt-worker.schema.json'))).toMatchObject({ type: 'object' });
    const settings = await read('settings.json');
    expect(JSON.parse(settings)).toEqual({
      'yaml.schemas': { './.vscode/stt-worker.schema.json': ['**/stt-worker.yaml', '**/stt-worker.yml'] },
    });
    await writeFile(join(stage.folder, '.vscode/settings.json'), settings.replace('{', '{\n  "a": 1, // mine'));
    await stage.cli('schema', 'stt-worker', '--vscode');
    expect(await read('settings.json')).toContain('"a": 1, // mine');
  });

  it('schema, docs and example report an unknown service', async () => {
    await using stage = await openStage();
    for (const command of ['schema', 'docs', 'example', 'export']) {
      const { code, stderr } = await stage.cli(command, 'tts-worker');
      expect(code).toBe(2);
      expect(stderr).toContain('there is no service tts-worker');
    }
  });
});

describe('Author-04-Trace: setpoint trace', () => {
  it('follows a value from its layers to the instances that run it', async () => {
    await using stage = await openStage();
    await using _service = await connect({
      service: 'stt-worker',
      instance: 'stt-1',
      schema: sttSchema,
      url: broker.url,
      cacheDir: false,
      prefix: stage.prefix,
      logger,
    });
    await stage.cli('set', 'stt-worker', '/vad/threshold=0.7', '--reason', 'noisy room');
    await expect
      .poll(async () => (await stage.cli('health')).stdout, { timeout: 30_000 })
      .toMatch(/stt-1 +stt-worker +ready +2 /);
    const { code, stdout } = await stage.cli('trace', 'stt-worker', '/vad/threshold');
    expect(code).toBe(0);
    expect(stdout).toContain(
      'stt-worker /vad/threshold = 0.7 (live)\n├─ comes from\n│  ├─ runtime_update: 0.7, by ada, version 2',
    );
    expect(stdout).toMatch(
      /│ {2}├─ yaml_file: 0.6, \S*stt-worker.yaml:2 \(hidden\)\n│ {2}└─ default: 0.5 \(hidden\)\n/,
    );
    expect(stdout).toMatch(/last changed\n│ {2}└─ version 2 by ada, .*"noisy room"\n/);
    expect(stdout).toContain('└─ runs\n   └─ stt-1 (ready), version 2: 0.7\n');

    const secret = await stage.cli('trace', 'stt-worker', '/api/key', '--json');
    expect(JSON.parse(secret.stdout)).toMatchObject([
      { pointer: '/api/key', value: '*** REDACTED ***', secret: true, published: { version: 2 } },
    ]);
    expect(secret.stdout).not.toContain('key-from-the-file');
  });

  it('ends with 2 for an unknown setting', async () => {
    await using stage = await openStage();
    expect(await stage.cli('trace', 'stt-worker', '/vad/treshold')).toMatchObject({ code: 2 });
  });
});

describe('Author-01-Start-From-Template: setpoint init and template', () => {
  it('init and template write what an authority accepts, and overwrite nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'setpoint-init-'));
    try {
      const cli = (...args: string[]): Promise<CliRun> => runIn(folder, args, { SETPOINT_OPERATOR: 'ada' });
      const made = await cli('init', '--service', 'web', '--template', 'http-service', '--param', 'port=8090');
      expect(made).toMatchObject({ code: 0, stderr: '' });
      expect(made.stdout).toContain('wrote config/web.yaml\nwrote config/web.schema.json\n\nWhat to try next:\n');
      expect(parse(await readFile(join(folder, 'config/web.yaml'), 'utf8'))).toMatchObject({ http: { port: 8090 } });

      const again = await cli('template', 'apply', 'http-service', '--service', 'web');
      expect(again.code).toBe(64);
      expect(again.stderr).toContain('config/web.yaml is there already');
      expect(await cli('template', 'apply', 'http-service', '--service', 'web', '--force')).toMatchObject({ code: 0 });
      expect(parse(await readFile(join(folder, 'config/web.yaml'), 'utf8'))).toMatchObject({ http: { port: 8080 } });

      expect((await cli('init', '--service', 'web')).stderr).toContain('init needs --template');
      expect((await cli('template', 'list')).stdout).toMatch(
        /^http-service .*\nmqtt-worker .*\nscheduled-job .*\nspeech/,
      );
      expect((await cli('template', 'show', 'mqtt-worker')).stdout).toContain('brokerUrl');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
