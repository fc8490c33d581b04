import { isMosquittoHere } from '@setpoint/test-support/brokers/brokers';
import { type MosquittoHarness, openMosquitto } from '@setpoint/test-support/brokers/mosquitto';
import { passwordLine } from '@setpoint/test-support/brokers/mosquitto-passwords';
import type { MosquittoFiles } from '@setpoint/test-support/brokers/mosquitto-runner';
import { hear, session } from '@setpoint/test-support/heard';
import {
  expectLive,
  expectOnlyLargeGivenUp,
  type LoggedService,
  openLoggedService,
} from '@setpoint/test-support/logged-service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function mosquitto(
  configure?: (configuration: string) => string,
  files?: MosquittoFiles,
): Promise<MosquittoHarness> {
  const broker = await openMosquitto(configure, files);
  stack.defer(() => broker.close());
  return broker;
}

async function serviceAt(...options: Parameters<typeof openLoggedService>): Promise<LoggedService> {
  const service = await openLoggedService(...options);
  stack.use(service.connection);
  return service;
}

const said = (logs: readonly string[], text: string): Promise<void> =>
  expect.poll(() => logs.join('\n'), { timeout: 20_000 }).toContain(text);

describe.skipIf(!(await isMosquittoHere()))('Client-03-Lives-Again: on Mosquitto, a client', () => {
  it('whose CONNACK is refused keeps trying until it is accepted, and logs the reason', async () => {
    let open = '';
    const broker = await mosquitto((configuration) => {
      open = configuration;
      return configuration.replace('allow_anonymous true', 'allow_anonymous false');
    });
    const { bus, logs } = await serviceAt(broker.url);
    await said(logs, `can't connect to ${broker.url}: Connection refused: Not authorized`);
    expect(bus.status.kind).toBe('connecting');
    await broker.rewrite('mosquitto.conf', open);
    await session(bus, 1);
    await expectLive({ bus });
    expect(logs.filter((line) => line.includes("can't connect to"))).toHaveLength(1);
  });

  it('whose password becomes valid later connects then, and logs no password', async () => {
    const broker = await mosquitto(
      (configuration) =>
        configuration.replace(
          'allow_anonymous true',
          'allow_anonymous false\npassword_file /mosquitto/config/passwords',
        ),
      { passwords: passwordLine('ann', 'another') },
    );
    const { bus, logs } = await serviceAt(broker.url.replace('//', '//ann:s3cr%3At@'));
    await said(logs, 'Connection refused: Not authorized');
    await broker.rewrite('passwords', passwordLine('ann', 's3cr:t'));
    await session(bus, 1);
    await expectLive({ bus });
    expect(logs.join('\n')).not.toMatch(/s3cr|ann:/);
  });

  it('that speaks MQTT 5 refuses a too large message before sending it, and keeps its connection', async () => {
    const broker = await mosquitto((configuration) =>
      configuration.replace(/^max_packet_size .*$/m, 'max_packet_size 10000'),
    );
    const { bus, logs } = await serviceAt(broker.url);
    await session(bus, 1);
    await expect(bus.publish('large', 'x'.repeat(20_000))).rejects.toMatchObject({ code: 'message_too_large' });
    await expectLive({ bus });
    expect(bus.status).toEqual({ kind: 'connected', session: 1 });
    expect(logs.join('\n')).not.toContain('lost: ');
  });

  it('whose broker hangs up on a too large message gives up only that message', async () => {
    const broker = await mosquitto((configuration) =>
      configuration.replace(/^max_packet_size .*$/m, 'max_packet_size 10000'),
    );
    // The older protocol has no word for a limit.
    const { bus, logs } = await serviceAt((options) => broker.connect({ ...options, protocolVersion: 4 }));
    await expectOnlyLargeGivenUp({ bus, logs, listener: broker.connect() });
  });

  it('one of whose filters is denied gets the messages of the others, and logs the denied one', async () => {
    const broker = await denying('secret');
    const { bus, logs } = await serviceAt(broker.url);
    const [before, secret, after] = [hear(bus, 'a'), hear(bus, 'secret'), hear(bus, 'b')];
    await Promise.all([before.subscription.ready, after.subscription.ready]);
    await said(logs, 'the broker refused the subscription secret');
    await bus.publish('secret', 'nobody hears it');
    await bus.publish('a', 'one');
    await bus.publish('b', 'two');
    expect([await before.next(), await after.next()]).toEqual(['one', 'two']);
    expect(secret.texts).toEqual([]);
    await expectLive({ bus });
  });

  // Mosquitto grants what an acl_file denies, and keeps silent: nobody can tell of it, and the others must not suffer.
  it('one of whose filters an acl_file denies gets the messages of the others', async () => {
    const broker = await mosquitto((configuration) => `${configuration}\nacl_file /mosquitto/config/rights\n`, {
      rights: 'topic readwrite #\ntopic deny secret\n',
    });
    const { bus } = await serviceAt(broker.url);
    const [before, secret, after] = [hear(bus, 'a'), hear(bus, 'secret'), hear(bus, 'b')];
    await Promise.all([before, secret, after].map(({ subscription }) => subscription.ready));
    await bus.publish('secret', 'nobody hears it').catch(() => undefined);
    await bus.publish('a', 'one');
    await bus.publish('b', 'two');
    expect([await before.next(), await after.next()]).toEqual(['one', 'two']);
    expect(secret.texts).toEqual([]);
    await expectLive({ bus });
  });
});

/** With the plugin that answers a denied SUBSCRIBE, which the `acl_file` does not. */
async function denying(topic: string): Promise<MosquittoHarness> {
  const plain = await mosquitto();
  const plugin = await plain.locate('mosquitto_dynamic_security.so');
  const isAllowed = { publishClientSend: true, publishClientReceive: true, subscribe: true, unsubscribe: true };
  const rights = {
    defaultACLAccess: isAllowed,
    anonymousGroup: 'everyone',
    groups: [{ groupname: 'everyone', roles: [{ rolename: 'guest' }] }],
    roles: [{ rolename: 'guest', acls: [{ acltype: 'subscribeLiteral', topic, allow: false }] }],
    clients: [],
  };
  return mosquitto(
    (configuration) =>
      `${configuration}\nplugin ${plugin}\nplugin_opt_config_file /mosquitto/config/dynamic-security.json\n`,
    { 'dynamic-security.json': JSON.stringify(rights) },
  );
}
