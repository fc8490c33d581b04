import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { MqttBus } from '@setpoint/bus/mqtt';
import { createEnvelopeWriter, createSigner, createSigningKey } from '@setpoint/protocol';
import { openWebSocketHarness, type WebSocketHarness } from '@setpoint/test-support/brokers/aedes-websocket';
import { isMosquittoHere } from '@setpoint/test-support/brokers/brokers';
import { openMosquitto } from '@setpoint/test-support/brokers/mosquitto';
import { openWebSocketBridge } from '@setpoint/test-support/brokers/websocket-door';
import { openWorld, type World } from '@setpoint/test-support/world';
import { connectAsync, type IPublishPacket } from 'mqtt';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Bundle, bundle } from './bundle.ts';
import { isChromiumHere, openChromium } from './chromium.ts';
import type { OnPage, PageOptions } from './page.ts';
import { openSite, type Site } from './site.ts';

const isMosquitto = await isMosquittoHere();

describe.runIf(isChromiumHere())('in a browser', () => {
  let scripts: Bundle;
  let browser: Browser;
  let site: Site;
  beforeAll(async () => {
    [scripts, browser] = await Promise.all([
      bundle(fileURLToPath(new URL('page.ts', import.meta.url))),
      openChromium(),
    ]);
    site = await openSite({ scripts });
  });
  afterAll(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });

  let broker: WebSocketHarness;
  let world: World;
  let context: BrowserContext;
  let logins: string[];
  let logs: string[];
  let failures: string[];
  beforeEach(async () => {
    logins = [];
    logs = [];
    failures = [];
    broker = await openWebSocketHarness({
      authenticate: (client, user, password, done) => {
        if (client.id.startsWith('page')) logins.push(`${user} ${password}`);
        done(null, true);
      },
    });
    world = await openWorld(broker, { keepaliveIntervalMs: 1000 });
    context = await browser.newContext({ ignoreHTTPSErrors: true });
  });
  afterEach(async () => {
    await context.close();
    await world[Symbol.asyncDispose]();
    await broker.close();
    expect(failures).toEqual([]);
  });

  async function openPage(place: Site = site): Promise<Page> {
    const page = await context.newPage();
    page.on('console', (message) => {
      // The browser's own, on the worker that the policy denies.
      if (!/Content Security Policy/.test(message.text())) logs.push(message.text());
    });
    page.on('pageerror', (error) => failures.push(String(error)));
    await page.goto(place.url);
    return page;
  }

  async function optionsOf(more: Partial<PageOptions> = {}): Promise<PageOptions> {
    const { host, pathname } = new URL(broker.url);
    return {
      service: 'stt-worker',
      instance: 'page-1',
      clientId: `page-${world.prefix}`,
      url: `ws://ann:s%2Fcret@${host}${pathname}`,
      prefix: world.prefix,
      trustedKeys: JSON.parse(await readFile(world.keys.trustedKeysFile, 'utf8')),
      reconnectMinDelayMs: 100,
      reconnectMaxDelayMs: 500,
      heartbeatIntervalMs: 1000,
      ...more,
    };
  }

  const open = (page: Page, options: PageOptions): Promise<void> =>
    page.evaluate((sent) => setpoint.open(JSON.parse(sent)), JSON.stringify(options));

  const read = <T>(page: Page, look: (connection: OnPage['connection']) => T): Promise<Awaited<T>> =>
    page.evaluate(`(${look})(setpoint.connection)`) as Promise<Awaited<T>>;

  const told = (page: Page): Promise<readonly string[]> => page.evaluate(() => setpoint.told);

  /** Not with Playwright's `waitForFunction`, which needs what the page's policy denies. */
  const until = (page: Page, look: (connection: OnPage['connection']) => boolean): Promise<void> =>
    expect.poll(() => read(page, look), { timeout: 30_000, interval: 20 }).toBe(true);

  it('Client-12-Browser: verifies the document, applies a change live and reports the changed pointer once', async () => {
    const health = await world.watch('system/health/page-1');
    const page = await openPage();
    await open(page, await optionsOf());
    expect(await read(page, ({ current, state, stamp }) => ({ current, state, version: stamp?.version }))).toEqual({
      current: {
        whisper: { model: 'base', device: 'cpu' },
        vad: { threshold: 0.6, frames: 30 },
        languages: ['en'],
        api: { key: 'key-from-the-file' },
      },
      state: 'live',
      version: 1,
    });
    expect(logins).toEqual(['ann s/cret']);

    const operator = await world.operator();
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7, frames: 31 } } });
    const { json } = await health.until(({ json }) => json?.data.config?.version === 2);
    expect(json.data).toMatchObject({ service: 'stt-worker', ok: true, state: 'ready', event: 'config_applied' });
    expect(await told(page)).toEqual(['/vad/threshold 0.6 → 0.7, version 2']);
    expect(await read(page, ({ current }) => current.vad)).toEqual({ threshold: 0.7, frames: 31 });
    expect(logs).toEqual([]);
  });

  it('Client-12-Browser: refuses a snapshot that is altered or signed by a stranger, and says so', async () => {
    const health = await world.watch('system/health/page-1');
    const snapshots = await world.watch('config/stt-worker/snapshot');
    const { text, json } = await snapshots.until(({ json }) => json?.data.version === 1);
    await world.stopAuthority();
    const page = await openPage();
    await open(page, await optionsOf());
    const mischief = await world.bus();
    const publish = (payload: string | Uint8Array): Promise<void> =>
      mischief.publish(`${world.prefix}/config/stt-worker/snapshot`, payload, { retain: true });

    await publish(text.replace('"threshold":0.6', '"threshold":0.9').replace('"version":1', '"version":2'));
    await health.until(({ json }) => json?.data.error?.detail?.includes('does not fit the message'));
    const stranger = createSigner(createSigningKey());
    const writer = createEnvelopeWriter({ source: '/authority/config-authority', signer: stranger });
    const data = { ...json.data, version: 2, values: { ...json.data.values, vad: { threshold: 0.9 } } };
    await publish(writer.seal({ type: 'setpoint.snapshot.v1', subject: 'stt-worker', data }).bytes);
    const { json: said } = await health.until(({ json }) =>
      json?.data.error?.detail?.includes('is not in the key ring of 1 keys'),
    );

    expect(said.data).toMatchObject({ ok: false, state: 'degraded', config: { version: 1 } });
    expect(await read(page, ({ current, stamp }) => [current.vad.threshold, stamp?.version])).toEqual([0.6, 1]);
    expect(await told(page)).toEqual([]);
  });

  it('Client-12-Browser: refuses a document that its own schema refuses, and says so', async () => {
    const health = await world.watch('system/health/page-1');
    const page = await openPage();
    await page.evaluate(
      (sent) => {
        const quiet = setpoint.sttSchema.refine(({ vad }) => vad.threshold <= 0.65, {
          path: ['vad'],
          error: 'too loud',
        });
        return setpoint.open(JSON.parse(sent), quiet);
      },
      JSON.stringify(await optionsOf()),
    );
    const operator = await world.operator();
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 } } });
    const { json } = await health.until(({ json }) => json?.data.event === 'config_rejected');
    expect(json.data).toMatchObject({
      state: 'degraded',
      config: { version: 1, lastAttempt: { version: 2, outcome: 'rejected', code: 'document_invalid' } },
      error: { code: 'document_invalid', detail: 'version 2 does not fit the schema of this build: /vad too loud' },
    });
    expect(await read(page, ({ current }) => current.vad.threshold)).toBe(0.6);
  });

  it('Client-12-Browser: applies a change as a transaction, and rolls back one whose verification fails', async () => {
    const health = await world.watch('system/health/page-1');
    const page = await openPage();
    await open(page, await optionsOf());
    await page.evaluate(() => {
      const { connection, told } = setpoint;
      connection.on('/vad', {
        prepare({ value }) {
          if (value.threshold === 0.9) throw new setpoint.ChangeRefused('/vad/threshold', 'too loud');
          told.push(`prepare ${value.threshold}`);
        },
        commit: ({ value }) => void told.push(`commit ${value.threshold}`),
        verify: ({ value }) => value.threshold !== 0.8,
      });
    });
    const operator = await world.operator();
    const set = (threshold: number) => operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold } } });
    await set(0.9);
    await health.until(({ json }) => json?.data.config?.lastAttempt?.message?.includes('too loud'));
    await set(0.8);
    await health.until(({ json }) => json?.data.config?.lastAttempt?.code === 'verify_failed');
    expect(await read(page, ({ current }) => current.vad.threshold)).toBe(0.6);
    await set(0.7);
    await health.until(({ json }) => json?.data.config?.version === 4);
    expect((await told(page)).filter((step) => !step.startsWith('/'))).toEqual([
      'prepare 0.8',
      'commit 0.8',
      'prepare 0.6',
      'commit 0.6',
      'prepare 0.7',
      'commit 0.7',
    ]);
  });

  it('Client-12-Browser: reconnects after the broker was away, and applies what changed meanwhile', async () => {
    const page = await openPage();
    await open(page, await optionsOf());
    await broker.stop();
    await until(page, ({ bus }) => bus.status.kind === 'reconnecting' && bus.status.attempt > 0);
    await world.writeFile('stt-worker.yaml', 'vad:\n  threshold: 0.65\n');
    await broker.start({ keepRetained: false });
    await until(page, ({ current, bus }) => bus.status.kind === 'connected' && current.vad.threshold === 0.65);
    expect(await told(page)).toEqual(['/vad/threshold 0.6 → 0.65, version 2']);
    const health = await world.watch('system/health/page-1');
    await health.until(({ json }) => json?.data.state === 'ready' && json.data.config.version === 2);
  });

  it('Client-12-Browser: starts from the snapshot that the previous page stored, and not from a forged one', async () => {
    const page = await openPage();
    const options = await optionsOf({ startTimeoutMs: 100 });
    await open(page, { ...options, startTimeoutMs: 3000 });
    const key = `.setpoint/${world.prefix}/stt-worker@config-authority`;
    await expect.poll(() => page.evaluate((name) => localStorage.getItem(name), key)).toContain('"threshold":0.6');
    await broker.stop();

    await page.reload();
    await open(page, options);
    expect(await read(page, ({ current, state, stamp }) => [current.vad.threshold, state, stamp?.version])).toEqual([
      0.6,
      'cache',
      1,
    ]);
    await page.evaluate((name) => {
      localStorage.setItem(name, localStorage.getItem(name)?.replace('"threshold":0.6', '"threshold":0.9') ?? '');
    }, key);
    await page.reload();
    await open(page, options);
    expect(await read(page, ({ current, state }) => [current.vad.threshold, state])).toEqual([0.5, 'defaults']);
    expect(logs).toContainEqual(expect.stringMatching(/^page-1: the last good snapshot is ignored/));

    await broker.start({ keepRetained: false });
    await until(page, ({ current, state }) => state === 'live' && current.vad.threshold === 0.6);
  });

  it('knows how fresh its document is', async () => {
    const page = await openPage();
    await open(page, await optionsOf({ staleness: { softMs: 2500, hardMs: 60_000 } }));
    expect(await read(page, ({ providerState }) => providerState)).toBe('READY');
    await world.stopAuthority();
    await until(page, ({ providerState }) => providerState === 'STALE');
    await world.startAuthority();
    await until(page, ({ providerState }) => providerState === 'READY');
  });

  it('reports its shutdown when it is stopped, and is reported lost when its page is closed', async () => {
    const [first, second] = await Promise.all([
      world.watch('system/health/page-1'),
      world.watch('system/health/page-2'),
    ]);
    const page = await openPage();
    await open(page, await optionsOf());
    await read(page, (connection) => connection.stop());
    await first.until(({ json }) => json?.data.state === 'offline' && json.data.event === 'shutdown');
    await open(page, await optionsOf({ instance: 'page-2' }));
    await second.until(({ json }) => json?.data.state === 'ready');
    await page.close();
    await second.until(({ json }) => json?.data.state === 'offline' && json.data.event === 'lost');
  });

  it('answers requests of other services and sends its own', async () => {
    const page = await openPage();
    await open(page, await optionsOf());
    await read(page, async ({ messenger }) => {
      await messenger.reply<{ name: string }>('greet', ({ name }) => ({ text: `hello, ${name} ✓` })).ready;
    });
    const service = await world.service({ instance: 'stt-1' });
    expect(await service.messenger.request('greet', { name: 'Zoë' })).toEqual({ text: 'hello, Zoë ✓' });
    await service.messenger.reply<{ text: string }>('long', ({ text }) => ({ length: text.length })).ready;
    expect(await read(page, ({ messenger }) => messenger.request('long', { text: 'ü'.repeat(200_000) }))).toEqual({
      length: 200_000,
    });
  });

  it.runIf(isMosquitto)('Client-12-Browser: speaks MQTT 5 with Mosquitto', async () => {
    await using stack = new AsyncDisposableStack();
    const mosquitto = await openMosquitto();
    stack.defer(() => mosquitto.close());
    const bridge = stack.use(await openWebSocketBridge(mosquitto.url));
    const other = stack.use(await openWorld(mosquitto, { keepaliveIntervalMs: 1000 }));
    const trustedKeys = JSON.parse(await readFile(other.keys.trustedKeysFile, 'utf8'));
    const page = await openPage();
    await open(page, await optionsOf({ url: `ws://127.0.0.1:${bridge.port}`, prefix: other.prefix, trustedKeys }));
    expect(await read(page, ({ state, bus }) => [state, (bus as MqttBus).client?.options.protocolVersion])).toEqual([
      'live',
      5,
    ]);

    const stranger = await connectAsync(mosquitto.url, { protocolVersion: 5 });
    stack.defer(() => stranger.endAsync(true));
    const arrived = Promise.withResolvers<IPublishPacket>();
    stranger.on('message', (_topic, _payload, packet) => arrived.resolve(packet));
    await stranger.subscribeAsync('made/by/a/page', { qos: 1 });
    await read(page, ({ bus }) =>
      bus.publish('made/by/a/page', Uint8Array.of(0, 255, 128), {
        properties: {
          contentType: 'application/octet-stream',
          responseTopic: 'back/to/it',
          correlationData: 'ü-1',
          messageExpirySeconds: 60,
          user: { café: 'crème' },
        },
      }),
    );
    const { payload, properties } = await arrived.promise;
    expect([...Buffer.from(payload)]).toEqual([0, 255, 128]);
    expect(properties).toMatchObject({
      contentType: 'application/octet-stream',
      responseTopic: 'back/to/it',
      correlationData: Buffer.from('ü-1'),
      messageExpiryInterval: 60,
      userProperties: { café: 'crème' },
    });
    const operator = await other.operator();
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 } } });
    await until(page, ({ current }) => current.vad.threshold === 0.7);
  });

  it('keeps its connection alive, with the worker that the page policy may deny', async () => {
    const watch = async (policy: string | undefined, workers: number, name: string): Promise<void> => {
      await using place = await openSite({ scripts, ...(policy && { policy }) });
      const page = await openPage(place);
      await open(
        page,
        await optionsOf({ keepaliveSeconds: 2, heartbeatIntervalMs: 60_000, instance: name, clientId: name }),
      );
      await page.evaluate(() => {
        const { client } = setpoint.connection.bus as MqttBus;
        client?.on('packetsend', ({ cmd }) => cmd === 'pingreq' && setpoint.told.push(cmd));
      });
      // The broker hangs up after three seconds of silence.
      await expect.poll(() => told(page), { timeout: 30_000 }).toHaveLength(2);
      expect(page.workers()).toHaveLength(workers);
      expect(await read(page, ({ bus }) => bus.status)).toMatchObject({ kind: 'connected', session: 1 });
    };
    await Promise.all([watch(undefined, 0, 'page-1'), watch("script-src 'self'; worker-src blob:", 1, 'page-2')]);
  });

  it('Client-12-Browser: works in a worker, and says that nothing can be stored there', async () => {
    await using place = await openSite({ scripts, policy: "script-src 'self'" });
    const page = await openPage(place);
    page.on('worker', (started) => started.on('console', (message) => logs.push(message.text())));
    const [worker] = await Promise.all([
      page.waitForEvent('worker'),
      page.evaluate(() => void new Worker('/main.js', { type: 'module' })),
    ]);
    await expect.poll(() => worker.evaluate(() => 'setpoint' in globalThis)).toBe(true);
    const told = await worker.evaluate(
      async (sent) => {
        await setpoint.open(JSON.parse(sent));
        const { current, state } = setpoint.connection;
        return [current.vad.threshold, state];
      },
      JSON.stringify(await optionsOf()),
    );
    expect(told).toEqual([0.6, 'live']);
    await expect
      .poll(() => logs)
      .toContainEqual(expect.stringMatching(/^page-1: the last good snapshot could not be kept/));
  });

  it('Client-12-Browser: refuses options at once that no page can use', async () => {
    const page = await openPage();
    const error = await page.evaluate(() =>
      setpoint
        .connect({
          service: 'stt-worker',
          schema: setpoint.sttSchema,
          environment: { MQTT_URL: 'mqtt://localhost', MQTT_TLS_CA: '/etc/ca.pem' },
          tls: { servername: 'broker' },
        })
        .catch(({ code, message }) => ({ code, message })),
    );
    expect(error).toEqual({
      code: 'options_invalid',
      message:
        "connect was called with wrong options: MQTT_URL must be ws:// or wss:// with a host, user and password percent-encoded; MQTT_TLS_CA names a file that can't be read: a page has none; tls is decided by the browser and its user; leave it out",
    });
  });

  it('Client-12-Browser: reaches a secure broker from a secure page, and says why it cannot reach an insecure one', async () => {
    const secure = await openWebSocketHarness({ secure: true });
    await using place = await openSite({ scripts, secure: true });
    try {
      await using other = await openWorld(secure);
      const page = await openPage(place);
      const trustedKeys = JSON.parse(await readFile(other.keys.trustedKeysFile, 'utf8'));
      await open(page, await optionsOf({ url: secure.url, prefix: other.prefix, trustedKeys }));
      expect(await read(page, ({ state }) => state)).toBe('live');
      await read(page, (connection) => connection.stop());

      await open(page, await optionsOf({ url: 'ws://broker.example', startTimeoutMs: 0, cacheDir: false }));
      await until(page, ({ bus }) => bus.status.kind === 'connecting' && bus.status.attempt > 1);
      expect(logs).toContainEqual(expect.stringMatching(/can't connect to ws:\/\/broker\.example:80: .*insecure/));
    } finally {
      await secure.close();
    }
  });
});
