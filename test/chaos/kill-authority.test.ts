import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOperator } from '@setpoint/client/operator';
import { type AuthorityProcess, spawnAuthority } from '@setpoint/test-support/authority-process';
import { availableSocketBrokers, type BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { createWatcher } from '@setpoint/test-support/watcher';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const kills = 50;

/** mulberry32: the same kills at the same moments for the same seed, as far as the machine allows. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe.each(await availableSocketBrokers())('on $name', ({ open }) => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await open();
  });
  afterAll(() => broker.close());

  it(`Promise-07-Kill-Authority: loses and doubles nothing over ${kills / 2} kills at random moments`, async () => {
    const seed = Number(process.env.SETPOINT_SEED ?? Date.now() % 1_000_000);
    const random = createRandom(seed);
    await using stack = new AsyncDisposableStack();
    const root = await mkdtemp(join(tmpdir(), 'setpoint-'));
    stack.defer(() => rm(root, { recursive: true, force: true }));
    const environment = {
      SETPOINT_MQTT_URL: String(broker.url),
      SETPOINT_DATA_DIR: join(root, 'data'),
      SETPOINT_CONFIG_DIR: join(root, 'config'),
      SETPOINT_PREFIX: 'killing',
    };
    let authority: AuthorityProcess | undefined;
    stack.defer(async () => void (await authority?.end('SIGKILL')));
    const bus = broker.connect();
    stack.defer(() => bus.stop());
    await bus.start();
    const operator = createOperator({ bus, name: 'ann', prefix: 'killing', timeoutMs: 60_000, retryMs: 100 });
    const snapshots = createWatcher(bus, 'killing/config/lamp/snapshot');

    // One operator asks for one change after another and never stops; each says its number as the reason.
    const answered: { n: number; version: number }[] = [];
    let isOver = false;
    const asking = (async () => {
      for (let n = 1; !isOver; n++) {
        const { status, version } = await operator.request('lamp', {
          op: 'merge',
          patch: { n },
          reason: `change ${n}`,
        });
        expect(status, `seed ${seed}, change ${n}`).toBe('applied');
        answered.push({ n, version });
      }
    })();

    for (let kill = 0; kill < kills / 2; kill++) {
      authority = spawnAuthority(environment);
      await authority.up;
      const target = answered.length + 1 + Math.floor(random() * 3);
      await snapshots.until(
        () => answered.length >= target || snapshots.messages.at(-1)?.json?.data.values.n >= target,
        20_000,
      );
      // Anywhere within the way of a request: a change takes about a millisecond, the wait up to three.
      const until = performance.now() + random() * 3;
      while (performance.now() < until) await new Promise(setImmediate);
      await authority.end('SIGKILL');
    }

    const last = spawnAuthority(environment);
    authority = last;
    const health = createWatcher(bus, 'killing/system/health/config-authority');
    await health.until(({ json }) => json?.data.state === 'ready');
    isOver = true;
    await asking;
    const { log: head, version } = await operator.request('lamp', { op: 'log', limit: 1 });
    const log = [];
    for (let before = version + 1; before > 1; before -= 500) {
      const page = await operator.request('lamp', { op: 'log', limit: 500, before });
      log.push(...(page.log ?? []));
    }

    // Store and retained topic agree.
    const fresh = createWatcher(bus, 'killing/config/lamp/snapshot');
    const { json } = await fresh.until(({ json }) => json?.data.version === version);
    expect(json.data.digest).toBe(head?.[0]?.digest);
    // Every answer is in the history under the version that it named, and no change is there twice.
    const versions = new Map(log.map((entry) => [entry.version, entry.reason]));
    for (const { n, version: named } of answered) expect(versions.get(named), `seed ${seed}`).toBe(`change ${n}`);
    expect(log).toHaveLength(new Set(log.map(({ reason }) => reason)).size);
    expect(log).toHaveLength(answered.length);
    expect(await last.end('SIGTERM')).toBe(0);
  }, 180_000);
});
