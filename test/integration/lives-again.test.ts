import { type AedesHooks, openAedes } from '@setpoint/test-support/brokers/aedes';
import { hear, session } from '@setpoint/test-support/heard';
import { expectLive, expectOnlyLargeGivenUp, openLoggedService } from '@setpoint/test-support/logged-service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function serviceAt(hooks: AedesHooks, login = '', options: Parameters<typeof openLoggedService>[1] = {}) {
  const broker = await openAedes(hooks);
  stack.defer(() => broker.close());
  const service = await openLoggedService(broker.url.replace('//', `//${login}`), options);
  stack.use(service.connection);
  return { broker, ...service };
}

describe('Client-03-Lives-Again: a client', () => {
  it('whose CONNACK is refused keeps trying until it is accepted, and logs the reason', async () => {
    let refusals = 3;
    const { bus, logs } = await serviceAt({
      authenticate: (_client, _username, _password, done) => {
        refusals -= 1;
        done(refusals >= 0 ? Object.assign(new Error('busy'), { returnCode: 3 as never }) : null, true);
      },
    });
    await session(bus, 1);
    await expectLive({ bus });
    expect(refusals).toBe(-1);
    expect(logs.filter((line) => line.includes("can't connect to mqtt://127.0.0.1"))).toEqual([
      expect.stringContaining('Connection refused: Server unavailable'),
    ]);
  });

  it('whose password becomes valid later connects then, and logs no password', async () => {
    let isKnown = false;
    const tried = Promise.withResolvers<void>();
    const { bus, logs } = await serviceAt(
      {
        authenticate: (_client, _username, password, done) => {
          if (String(password) !== 's3cr:t') return done(null, false);
          tried.resolve();
          return done(null, isKnown);
        },
      },
      'ann:s3cr%3At@',
    );
    await tried.promise;
    isKnown = true;
    await session(bus, 1);
    await expectLive({ bus });
    expect(logs.join('\n')).toContain('Connection refused: Not authorized');
    expect(logs.join('\n')).not.toMatch(/s3cr|ann:/);
  });

  it('whose broker hangs up on a too large message gives up only that message', async () => {
    const { broker, bus, logs } = await serviceAt({
      authorizePublish: (_client, { payload }, done) => done(payload.length > 10_000 ? new Error('too large') : null),
    });
    await expectOnlyLargeGivenUp({ bus, logs, listener: broker.connect() });
  });

  it('one of whose filters is denied gets the messages of the others, and logs the denied one', async () => {
    const { bus, logs } = await serviceAt({
      authorizeSubscribe: (_client, asked, done) => done(null, asked.topic === 'secret' ? null : asked),
    });
    const [before, secret, after] = [hear(bus, 'a'), hear(bus, 'secret'), hear(bus, 'b')];
    await Promise.all([before.subscription.ready, after.subscription.ready]);
    await secret.subscription.refresh();
    await bus.publish('a', 'one');
    await bus.publish('b', 'two');
    expect([await before.next(), await after.next()]).toEqual(['one', 'two']);
    expect(logs).toContainEqual(expect.stringContaining('the broker refused the subscription secret'));
    await expectLive({ bus });
  });
});

describe('two processes of one client id', () => {
  it('are told to give each process a client id of its own', async () => {
    const { broker, logs, bus } = await serviceAt({}, '', { clientId: 'twin' });
    await session(bus, 1);
    const twin = broker.connect({ clientId: 'twin' });
    stack.defer(() => twin.stop());
    await twin.start();
    const said = 'does another client use the same client id? Give each process its own';
    await expect.poll(() => logs.join('\n'), { timeout: 20_000 }).toContain(said);
  });
});
