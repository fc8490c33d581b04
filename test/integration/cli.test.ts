import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@setpoint/client';
import { startAuthority } from '@setpoint/config-authority';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import {
  createEnvelopeWriter,
  createKeyRing,
  createSigner,
  createSigningKey,
  type Health,
  trustedKeyOf,
} from '@setpoint/protocol';
import { type AedesHarness, openAedes } from '@setpoint/test-support/brokers/aedes';
import { type CliRun, type CliWatch, runCli, startCli } from '@setpoint/test-support/cli';
import { freePort } from '@setpoint/test-support/free-port';
import { sttSchema, sttSchemaFile } from '@setpoint/test-support/stt-service';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const file = 'vad:\n  threshold: 0.6\nwhisper:\n  model: small\napi:\n  key: key-from-the-file\n';
const logger = pino({ level: 'silent' });
let broker: AedesHarness;
let prefixes = 0;

beforeAll(async () => {
  broker = await openAedes();
});
afterAll(() => broker.close());

interface Stage extends AsyncDisposable {
  readonly prefix: string;
  /** The files of the authority and of the operator. */
  readonly folder: string;
  readonly environment: Record<string, string>;
  cli(...args: string[]): Promise<CliRun>;
  json(...args: string[]): Promise<{ code: number | null; answer: Record<string, unknown> }>;
  watch(...args: string[]): CliWatch;
  stopAuthority(): Promise<void>;
}

/** An authority of its own, with one service, and the command line pointed at it. */
async function openStage({ isSigned = false } = {}): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'setpoint-cli-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'stt-worker.yaml'), file);
  await writeFile(join(folder, 'stt-worker.schema.json'), sttSchemaFile);
  const keyFolder = await mkdtemp(join(folder, 'keys-'));
  const prefix = `cli-${process.pid}-${++prefixes}`;
  const [authorityKey, operatorKey] = [createSigningKey(), createSigningKey()];
  const trusted = { keys: [trustedKeyOf(authorityKey, 'authority')] };
  await writeFile(join(keyFolder, 'trusted.json'), JSON.stringify(trusted));
  await writeFile(join(keyFolder, 'operator.json'), JSON.stringify(operatorKey));
  const store = stack.use(createMemoryStore());
  const authority = stack.use(
    await startAuthority({
      prefix,
      store,
      openBus: (options) => broker.connect({ clientId: `authority-${prefix}`, ...options }),
      signer: createSigner(authorityKey),
      ownKeys: createKeyRing(trusted),
      operatorKeys: isSigned ? createKeyRing({ keys: [trustedKeyOf(operatorKey, 'operator')] }) : undefined,
      configDir: folder,
      logger,
    }),
  );
  const environment = { SETPOINT_MQTT_URL: broker.url, SETPOINT_PREFIX: prefix, SETPOINT_OPERATOR: 'ada' };
  const cli = (...args: string[]): Promise<CliRun> => runCli(args, environment);
  return {
    prefix,
    folder: keyFolder,
    environment,
    cli,
    async json(...args) {
      const { code, stdout, stderr } = await cli(...args, '--json');
      expect(stderr).toBe('');
      return { code, answer: JSON.parse(stdout) };
    },
    watch: (...args) => {
      const watch = startCli(['watch', ...args], environment);
      stack.defer(async () => void (await watch.end('SIGKILL')));
      return watch;
    },
    stopAuthority: () => authority.stop(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

describe('setpoint get', () => {
  it('prints the document from the broker alone, with secrets masked unless requested', async () => {
    await using stage = await openStage();
    await stage.cli('set', 'stt-worker', '/vad/threshold=0.7', '--reason', 'noisy room');
    const { code, stdout } = await stage.cli('get', 'stt-worker');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^stt-worker version 2, .*, by ada, "noisy room"\n/);
    expect(stdout).toContain('\n/vad/threshold   0.7\n');
    expect(stdout).toContain('/api/key         *** REDACTED ***');
    expect(stdout).not.toContain('key-from-the-file');
    expect(stdout).not.toContain('\u001b');

    expect(await stage.cli('get', 'stt-worker', '/whisper/model')).toEqual({ code: 0, stdout: 'small\n', stderr: '' });
    expect((await stage.cli('get', 'stt-worker', '/api/key')).stdout).toBe('*** REDACTED ***\n');
    expect((await stage.cli('get', 'stt-worker', '/api/key', '--show-secrets')).stdout).toBe('key-from-the-file\n');
  });

  it('with --json prints the version, the values and their properties', async () => {
    await using stage = await openStage();
    const { code, answer } = await stage.json('get', 'stt-worker');
    expect(code).toBe(0);
    expect(answer).toMatchObject({
      service: 'stt-worker',
      version: 1,
      values: { vad: { threshold: 0.6 }, api: { key: '*** REDACTED ***' }, languages: ['en'] },
      secrets: ['/api/key'],
      restartRequired: ['/whisper/device'],
    });
    expect((await stage.json('get', 'stt-worker', '/vad')).answer).toMatchObject({
      pointer: '/vad',
      value: { threshold: 0.6, frames: 30 },
    });
  });

  it('ends with 2 for an unknown service or setting, and names the known ones', async () => {
    await using stage = await openStage();
    const [service, setting] = await Promise.all([
      stage.cli('get', 'sst-worker'),
      stage.cli('get', 'stt-worker', '/vad/treshold'),
    ]);
    expect(service).toMatchObject({ code: 2, stdout: '' });
    expect(service.stderr).toContain('the broker has no configuration of sst-worker; it has stt-worker');
    expect(setting.code).toBe(2);
    expect(setting.stderr).toContain('/vad has threshold, frames');
  });

  it('does not believe a snapshot that a trusted key did not sign', async () => {
    await using stage = await openStage();
    const other = join(stage.folder, 'other.json');
    await writeFile(other, JSON.stringify({ keys: [trustedKeyOf(createSigningKey(), 'authority')] }));
    const [trusted, untrusted] = await Promise.all([
      stage.cli('get', 'stt-worker', '/vad/threshold', '--trusted-keys', join(stage.folder, 'trusted.json')),
      stage.cli('get', 'stt-worker', '/vad/threshold', '--trusted-keys', other),
    ]);
    expect(trusted).toEqual({ code: 0, stdout: '0.6\n', stderr: '' });
    expect(untrusted).toMatchObject({ code: 2, stdout: '' });
    expect(untrusted.stderr).toContain('is not believed');
  });
});

describe('setpoint set', () => {
  it('Operate-02-No-Service-By-Slip: creates no service from a misspelt name unless told to', async () => {
    await using stage = await openStage();
    const [slip, stray, taken] = [
      await stage.cli('set', 'stt-wroker', '/vad/threshold=0.7'),
      await stage.cli('set', 'nope', '/items/0=1'),
      await stage.cli('unset', 'nope', '/a'),
    ];
    expect([slip.code, slip.stdout, stray.code, taken.code]).toEqual([2, '', 2, 2]);
    expect(slip.stderr).toMatch(
      /there is no service stt-wroker; did you mean stt-worker\? To make one of this name, add --create\n/,
    );
    expect(taken.stderr).toMatch(/there is no service nope; there is stt-worker\n/);
    expect((await stage.cli('get', 'nope')).stderr).toContain('; it has stt-worker\n');

    expect((await stage.cli('set', 'nope', '/a=1', '--create')).stdout).toContain('applied: nope is at version 1');
    const made = await stage.cli('set', 'other', '/a=1', '--if-version', '0');
    expect(made.stdout).toContain('applied: other is at version 1');
  });

  it('Validation-05-Restart-Refused: creates one version from all assignments, and says which need a restart', async () => {
    await using stage = await openStage();
    const change = ['set', 'stt-worker', '/vad/threshold=0.7', '/whisper/device=cuda'];
    const refused = await stage.cli(...change);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('/whisper/device')]);
    const { code, stdout } = await stage.cli(...change, '--accept-restart');
    expect(code).toBe(0);
    expect(stdout).toContain('applied: stt-worker is at version 2\n  /vad/threshold\n  /whisper/device\n');
    expect(stdout).toContain('restart needed: stt-worker takes /whisper/device over at its next start');
    expect((await stage.cli('set', 'stt-worker', '/vad/threshold=0.7')).stdout).toBe(
      'unchanged: stt-worker stays at version 2\n',
    );
  });

  it('sets the items of a list, and null', async () => {
    await using stage = await openStage();
    const { code } = await stage.cli('set', 'stt-worker', '/languages/-=de', '/languages/0=fr', '/languages/-=it');
    expect(code).toBe(0);
    const { answer } = await stage.json('get', 'stt-worker', '/languages');
    expect(answer).toMatchObject({ version: 2, value: ['fr', 'de', 'it'] });
    // No setting of this schema may be null: that the authority says so shows that null arrived as null.
    const refused = await stage.cli('set', 'stt-worker', '/vad/threshold=null');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('received null');
  });

  it('ends with 2 and every fault when the change is refused', async () => {
    await using stage = await openStage();
    const { code, answer } = await stage.json('set', 'stt-worker', '/vad/treshold=1', '/vad/threshold=7', '/api/key=5');
    expect(code).toBe(2);
    expect(answer).toMatchObject({ status: 'rejected', version: 1, problem: { code: 'document_invalid' } });
    const { stdout, stderr } = await stage.cli(
      'set',
      'stt-worker',
      '/vad/treshold=1',
      '/vad/threshold=7',
      '/api/key=5',
    );
    expect(stdout).toBe('');
    expect(stderr).toContain('  /vad/treshold\n      is not a known setting; did you mean "threshold"?');
    expect(stderr).toContain('  /vad/threshold\n      must be <= 1 (expected at most 1, received 7)');
    expect(stderr).toContain('  /api/key\n      must be a text (received *** REDACTED ***)');
  });

  it('ends with 3 when the service is not at the version that --if-version names', async () => {
    await using stage = await openStage();
    expect((await stage.cli('set', 'stt-worker', '/vad/threshold=0.7', '--if-version', '1')).code).toBe(0);
    const { code, stderr } = await stage.cli('set', 'stt-worker', '/vad/threshold=0.8', '--if-version', '1');
    expect(code).toBe(3);
    expect(stderr).toContain('expected version 1, the service is at 2');
  });

  it('ends with 4 without a required signature, and with 0 with it', async () => {
    await using stage = await openStage({ isSigned: true });
    const set = ['set', 'stt-worker', '/vad/threshold=0.7'];
    const { code, stderr } = await stage.cli(...set);
    expect(code).toBe(4);
    expect(stderr).toContain('denied: Not allowed: the message carries no signature');
    const keys = ['--key', join(stage.folder, 'operator.json'), '--trusted-keys', join(stage.folder, 'trusted.json')];
    expect(await stage.cli(...set, ...keys)).toMatchObject({ code: 0, stderr: '' });
  });
});

it('setpoint unset removes a runtime value', async () => {
  await using stage = await openStage();
  await stage.cli('set', 'stt-worker', '/vad/threshold=0.7');
  const { code, answer } = await stage.json('unset', 'stt-worker', '/vad/threshold', '--reason', 'quiet again');
  expect(code).toBe(0);
  expect(answer).toMatchObject({ status: 'applied', version: 3, changed: ['/vad/threshold'] });
  expect((await stage.cli('get', 'stt-worker', '/vad/threshold')).stdout).toBe('0.6\n');
});

it('setpoint log and diff read the history, and rollback goes back in it', async () => {
  await using stage = await openStage();
  await stage.cli('set', 'stt-worker', '/vad/threshold=0.7', '/api/key=other-key', '--reason', 'noisy room');
  await stage.cli('set', 'stt-worker', '/vad/threshold=0.8');

  const log = await stage.cli('log', 'stt-worker');
  expect(log.code).toBe(0);
  expect(log.stdout).toMatch(/^VERSION {2}TIME .*\n3 .* ada .*\/vad\/threshold\n2 .* noisy room\n1 .*\(all\)/);
  const page = await stage.json('log', 'stt-worker', '--limit', '1', '--before', '3');
  expect(page.answer.log).toMatchObject([{ version: 2, author: 'ada', reason: 'noisy room' }]);

  const diff = await stage.cli('diff', 'stt-worker', '1', '3');
  expect(diff).toMatchObject({ code: 0, stderr: '' });
  expect(diff.stdout).toContain('/vad/threshold  0.6 → 0.8\n');
  expect(diff.stdout).toContain('/api/key        *** REDACTED *** → *** REDACTED ***\n');
  expect((await stage.json('diff', 'stt-worker', '2', '3')).answer.diff).toEqual([
    { pointer: '/vad/threshold', before: 0.7, after: 0.8 },
  ]);

  const back = await stage.json('rollback', 'stt-worker', '1', '--reason', 'as it was');
  expect(back).toMatchObject({ code: 0, answer: { status: 'applied', version: 4 } });
  expect((await stage.cli('get', 'stt-worker', '/vad/threshold')).stdout).toBe('0.6\n');
  expect((await stage.cli('rollback', 'stt-worker', '99')).code).toBe(2);
});

it('setpoint delete ends a service that has no file', async () => {
  await using stage = await openStage();
  expect((await stage.cli('set', 'lamp', '/on=true', '--if-version', '0')).code).toBe(0);
  expect(await stage.cli('delete', 'lamp')).toMatchObject({ code: 0, stderr: '' });
  expect((await stage.cli('get', 'lamp')).code).toBe(2);
  const { code, stderr } = await stage.cli('delete', 'stt-worker');
  expect(code).toBe(2);
  expect(stderr).toContain('the file of stt-worker would bring it back; remove it first');
});

it('setpoint validate reports every fault with its line, and changes nothing', async () => {
  await using stage = await openStage();
  const good = join(stage.folder, 'good.yaml');
  const bad = join(stage.folder, 'bad.yaml');
  await writeFile(good, 'vad:\n  threshold: 0.9\n');
  await writeFile(bad, '# too much\nvad:\n  threshold: 9\n  treshold: 1\nwhisper:\n  model: smal\n');
  expect((await stage.cli('validate', 'stt-worker', '--file', good, '--merge')).stdout).toBe(
    'valid: 1 change to stt-worker would be applied\n  /vad/threshold\n',
  );
  // By itself it lacks what the present file says besides.
  expect((await stage.cli('validate', 'stt-worker', '--file', good)).stdout).toBe(
    'valid: 3 changes to stt-worker would be applied\n  /vad/threshold\n  /whisper/model\n  /api/key\n',
  );
  const { code, stderr } = await stage.cli('validate', 'stt-worker', '--file', bad);
  expect(code).toBe(2);
  expect(stderr).toContain(`  ${bad}:3  /vad/threshold\n      must be <= 1 (expected at most 1, received 9)`);
  expect(stderr).toContain(`  ${bad}:4  /vad/treshold\n`);
  expect(stderr).toContain(`  ${bad}:6  /whisper/model\n`);
  const { answer } = await stage.json('validate', 'stt-worker', '--file', bad);
  expect(answer.problem).toMatchObject({ errors: [{ line: 3 }, { line: 4 }, { line: 6, suggestion: 'small' }] });
  expect((await stage.json('get', 'stt-worker')).answer.version).toBe(1);
});

it('setpoint health lists the instances and the version that each runs', async () => {
  await using stage = await openStage();
  await using service = await connect({
    url: broker.url,
    service: 'stt-worker',
    instance: 'stt-1',
    schema: sttSchema,
    prefix: stage.prefix,
    cacheDir: false,
    logger,
  });
  const watch = stage.watch('--json');
  await watch.line('"running":1');
  const table = await stage.cli('health');
  expect(table.code).toBe(0);
  expect(table.stdout).toMatch(
    /^ID .*STATE .*VERSION .*\nconfig-authority +- +ready +- .*\nstt-1 +stt-worker +ready +1 /,
  );
  await service.stop();
  const { answer } = await stage.json('health');
  expect(answer).toMatchObject([
    { id: 'config-authority', state: 'ready', ok: true, version: null },
    { id: 'stt-1', service: 'stt-worker', state: 'offline', ok: false, note: 'stopped' },
  ]);
});

it('Operate-01-Lost-Instance: setpoint health says what an instance that was killed ran, and since when it is lost', async () => {
  await using stage = await openStage();
  const writer = createEnvelopeWriter({ source: '/instance/stt-1' });
  const topic = `${stage.prefix}/system/health/stt-1`;
  const seal = (version: number, rest: object): Uint8Array => {
    const own = { instance: 'stt-1', service: 'stt-worker', session: 's1', startedAt: '2026-01-01T00:00:00.000Z' };
    const config = { source: 'live', epoch: 1, version, pendingRestart: [], masked: [] };
    const data = { ...own, config, ...rest } as unknown as Health;
    return writer.seal({ type: 'setpoint.health.v1', subject: 'stt-worker', data }).bytes;
  };
  const payload = seal(3, { ok: false, state: 'offline', event: 'lost' });
  const instance = broker.connect({ will: () => ({ topic, payload, qos: 1, retain: true }) });
  await instance.start();
  await instance.publish(topic, seal(3, { ok: true, state: 'ready', event: 'ready' }), { retain: true });
  await instance.publish(topic, seal(17, { ok: true, state: 'ready', event: 'config_applied' }), { retain: true });
  const killedAt = new Date().toISOString();
  await instance.stop({ abrupt: true });

  const lost = { id: 'stt-1', state: 'offline', note: 'lost', version: 17, startedAt: '2026-01-01T00:00:00.000Z' };
  const standing = async (): Promise<unknown> => (await stage.json('health')).answer[1];
  await expect.poll(standing, { timeout: 30_000 }).toMatchObject(lost);
  const { since } = (await standing()) as { since: string };
  expect(since >= killedAt && since <= new Date().toISOString()).toBe(true);

  await stage.stopAuthority();
  const { code, stdout, stderr } = await stage.cli('health');
  expect(code).toBe(0);
  expect(stderr).toBe(
    'warning: config-authority is not there; this is what the broker has kept, which does not say when one was lost\n',
  );
  expect(stdout).toMatch(/\nconfig-authority +- +offline +- +\d.* stopped\nstt-1 +stt-worker +offline +17 +- +lost\n/);
});

/** Says of itself that it is there, by a clock that is long past. */
const sealReady = (instance: string): Uint8Array => {
  const own = { instance, service: 'stt-worker', session: 's1', startedAt: '2026-01-01T00:00:00.000Z' };
  const data: Health = { ...own, ok: true, state: 'ready', event: 'ready' };
  const now = (): number => Date.parse('2026-01-01T00:00:00Z');
  return createEnvelopeWriter({ source: `/instance/${instance}`, now }).seal({
    type: 'setpoint.health.v1',
    subject: 'stt-worker',
    data,
  }).bytes;
};

it('setpoint health lists all instances, however many', async () => {
  await using stage = await openStage();
  await using fleet = broker.connect();
  await fleet.start();
  const names = Array.from({ length: 230 }, (_, i) => `stt-${String(i).padStart(3, '0')}`);
  await Promise.all(
    names.map((name) => fleet.publish(`${stage.prefix}/system/health/${name}`, sealReady(name), { retain: true })),
  );
  const standings = (await stage.json('health')).answer as unknown as { id: string; since: string }[];
  expect(standings.map(({ id }) => id)).toEqual(['config-authority', ...names]);
  // By the clock of the authority, which heard of all of them just now.
  expect(standings.filter(({ since }) => since < '2026-01-02')).toEqual([]);
});

it('setpoint health does not wait for an authority whose keepalive is heard and that does not answer', async () => {
  await using frozen = broker.connect();
  await frozen.start();
  await frozen.publish('frozen/system/health/config-authority', sealReady('config-authority'), { retain: true });
  const { code, stdout, stderr } = await runCli(['health'], {
    SETPOINT_MQTT_URL: broker.url,
    SETPOINT_PREFIX: 'frozen',
  });
  expect([code, stderr]).toEqual([0, expect.stringContaining('config-authority did not answer within 2000 ms')]);
  expect(stdout).toMatch(/\nconfig-authority +- +ready/);
});

describe('setpoint watch', () => {
  it('prints each change with both values, the instances that run it and who overwrote it, and ends with 0 at Ctrl-C', async () => {
    await using stage = await openStage();
    await using _service = await connect({
      url: broker.url,
      service: 'stt-worker',
      instance: 'stt-1',
      schema: sttSchema,
      prefix: stage.prefix,
      cacheDir: false,
      logger,
    });
    const watch = stage.watch();
    await watch.line('stt-worker is at version 1, by file:');
    await stage.cli('set', 'stt-worker', '/vad/threshold=0.7', '/api/key=other-key', '--reason', 'noisy room');
    expect(await watch.line('version 2, by')).toBe('stt-worker version 2, by ada: noisy room');
    expect(await watch.line('/vad/threshold')).toBe('  /vad/threshold  0.6 → 0.7');
    expect(await watch.line('/api/key')).toBe('  /api/key        *** REDACTED *** → *** REDACTED ***');
    await watch.line('stt-worker: 1 of 1 instances run version 2');
    await stage.cli('set', 'stt-worker', '/vad/threshold=0.8', '--name', 'bob');
    await watch.line('conflict: bob overwrote your change of stt-worker with version 3');
    expect(await watch.end('SIGINT')).toBe(0);
    expect(watch.lines.join('\n')).not.toContain('other-key');
  });

  it('with --json prints one object a line, of one service when one is named', async () => {
    await using stage = await openStage();
    const watch = stage.watch('stt-worker', '--json');
    expect(JSON.parse(await watch.line('"present"'))).toMatchObject({ service: 'stt-worker', version: 1 });
    await stage.cli('set', 'lamp', '/on=true', '--create');
    await stage.cli('set', 'stt-worker', '/vad/threshold=0.7');
    expect(JSON.parse(await watch.line('"change"'))).toMatchObject({
      service: 'stt-worker',
      version: 2,
      previousVersion: 1,
      author: 'ada',
      changes: [{ pointer: '/vad/threshold', before: 0.6, after: 0.7 }],
    });
    expect(await watch.end('SIGTERM')).toBe(0);
    for (const line of watch.lines) expect(JSON.parse(line)).toMatchObject({ service: 'stt-worker' });
  });

  it('ends when its output is closed', async () => {
    await using stage = await openStage();
    const watch = stage.watch('--json');
    await watch.line('"present"');
    watch.closeOutput();
    await stage.cli('set', 'stt-worker', '/vad/threshold=0.7');
    expect(await watch.exit).toBe(0);
  });
});

describe('setpoint', () => {
  it('ends with 5 when the broker does not answer, and names it without its password', async () => {
    const url = `mqtt://ada:hunter2@127.0.0.1:${await freePort()}`;
    const { code, stdout, stderr } = await runCli(['get', 'stt-worker', '--timeout', '300'], {
      SETPOINT_MQTT_URL: url,
    });
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    expect(stderr).toMatch(/can't reach the broker at mqtt:\/\/127\.0\.0\.1:\d+ within 300 ms: .*ECONNREFUSED/);
    expect(stderr).not.toContain('hunter2');
  });

  it('ends with 5 when no authority answers', async () => {
    const environment = { SETPOINT_MQTT_URL: broker.url, SETPOINT_PREFIX: 'nobody' };
    const set = await runCli(['set', 'stt-worker', '/a=1', '--timeout', '300', '--json'], environment);
    expect(set).toMatchObject({ code: 5, stdout: '' });
    expect(JSON.parse(set.stderr).error).toMatchObject({ code: 'no_answer', exitCode: 5 });
  });

  it('ends with 4 when the broker denies reading', async () => {
    const strict = await openAedes({ authorizeSubscribe: (_client, _subscription, done) => done(null, null) });
    const { code, stdout, stderr } = await runCli(['get', 'stt-worker'], { SETPOINT_MQTT_URL: strict.url });
    await strict.close();
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toContain('the broker refused the subscription config/stt-worker/snapshot');
  });

  it.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['get'], "missing required argument 'service'"],
    [['get', '+'], '"+" is not a name for a service'],
    [['get', 'stt-worker', 'vad.threshold'], 'did you mean /vad/threshold?'],
    [['set', 'stt-worker', '/vad/threshold'], 'is not <pointer>=<value>'],
    [['set', 'stt-worker', '/a=1', '--if-version', 'two'], '--if-version must be a whole number'],
    [['log', 'stt-worker', '--limit', '0'], '--limit must be a whole number from 1 to 500'],
    [['log', 'stt-worker', '--author', ''], '--author takes a name of 1 to 200 characters'],
    [['search', ''], 'nothing to look for; give 1 to 200 characters'],
    [['search', 'x'.repeat(201)], 'a text of 201 characters; give 1 to 200'],
    [['show', 'stt-worker', '-1'], '"-1" names no version; give its number'],
    [['rollback', 'stt-worker', '1.5.'.repeat(20)], 'names no version'],
    [['tag', 'stt-worker', 'Release 12'], '"Release 12" is not a name for a tag; take 1 to 63 of'],
    [['untag', 'stt-worker', ''], '"" is not a name for a tag'],
    [['draft', 'drop', 'stt-worker', 'My draft'], 'is not a name for a draft'],
    [['profile', 'drop', 'Night'], 'is not a name for a profile'],
    [['diff', 'stt-worker', 'draft:My draft', 'present'], 'is not a name for a draft'],
    [['validate', 'stt-worker', '--file', '/nowhere.yaml'], "can't read /nowhere.yaml: there is no such file"],
    [['get', 'stt-worker', '--url', 'http://u:hunter2@x'], 'it must begin with mqtt://, mqtts://, ws:// or wss://'],
    [['get', 'stt-worker', '--name', 'Ada Lovelace'], 'is not a name for an operator'],
    [['get', 'stt-worker', '--key', '/nowhere.json'], "can't read /nowhere.json"],
  ])('ends with 64 for %j', async (args, why) => {
    const { code, stdout, stderr } = await runCli(args, { SETPOINT_MQTT_URL: broker.url });
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(why);
    expect(stderr).not.toContain('hunter2');
  });

  it('prints its help with the exit codes, and its version', async () => {
    const [help, version] = await Promise.all([
      runCli(['--help'], { SETPOINT_MQTT_URL: 'mqtt://ada:hunter2@x' }),
      runCli(['--version'], {}),
    ]);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('64  usage');
    expect(help.stdout).not.toContain('hunter2');
    expect(version).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });
});
