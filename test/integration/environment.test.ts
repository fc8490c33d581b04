import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@setpoint/client';
import { openAedes } from '@setpoint/test-support/brokers/aedes';
import { openWebSocketBroker } from '@setpoint/test-support/brokers/aedes-websocket';
import { session } from '@setpoint/test-support/heard';
import { testCertificate } from '@setpoint/test-support/tls';
import { expect, it } from 'vitest';
import { z } from 'zod';

const options = {
  service: 'vad',
  schema: z.object({ threshold: z.number().default(0.5) }),
  cacheDir: false,
  startTimeoutMs: 0,
  logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
} as const;

it('a service finds its broker from the environment alone', async () => {
  await using stack = new AsyncDisposableStack();
  const logins: string[] = [];
  const broker = await openAedes({
    authenticate: ({ id }, username, password, done) => {
      logins.push(`${id} ${username} ${password}`);
      done(null, true);
    },
  });
  stack.defer(() => broker.close());
  const watcher = broker.connect();
  stack.defer(() => watcher.stop());
  await watcher.start();
  const heard: [string, string][] = [];
  const said = Promise.withResolvers<void>();
  await watcher.subscribe('#', ({ topic, payload }) => {
    heard.push([topic, JSON.parse(String(payload)).source]);
    if (topic === 'hello') said.resolve();
  }).ready;

  const environment = {
    MQTT_URL: broker.url.replace('//', '//ann:s%2Fcret@'),
    MQTT_CLIENT_ID: 'vad-of-ann',
    MQTT_SOURCE_NAME: 'ann.vad',
    MQTT_ENABLE_HEALTH: 'false',
    MQTT_ENABLE_HEARTBEAT: 'false',
  };
  const connection = stack.use(await connect({ ...options, environment }));
  await session(connection.bus, 1);
  await connection.messenger.publish('hello', {});
  await said.promise;
  expect(logins).toContain('vad-of-ann ann s/cret');
  expect(heard.filter(([topic]) => !topic.includes('/contract/'))).toEqual([['hello', '/instance/ann.vad']]);
});

it('a service finds a WebSocket broker and its certificate authority from the environment', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'setpoint-'));
  stack.defer(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ca.pem'), testCertificate);
  const broker = stack.use(await openWebSocketBroker({ secure: true }));
  const environment = {
    MQTT_URL: `mqtts://127.0.0.1:1, wss://127.0.0.1:${broker.port}/mqtt`,
    MQTT_TLS_CA: join(folder, 'ca.pem'),
    MQTT_TLS_SERVER_NAME: 'broker.test',
    MQTT_RECONNECT_MIN_DELAY: '0.1',
  };
  const connection = stack.use(await connect({ ...options, environment }));
  await session(connection.bus, 1);
  expect(broker.paths.at(-1)).toBe('/mqtt');
});
