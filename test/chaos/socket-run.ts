import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@setpoint/bus';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { type Connection, connect } from '@setpoint/client';
import { createOperator, type Operator } from '@setpoint/client/operator';
import { type Health, healthType, type TrustedKeys, tryOpenMessage } from '@setpoint/protocol';
import { type AuthorityProcess, spawnAuthority } from '@setpoint/test-support/authority-process';
import type { BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { createRandom, type Faults, seedOf } from '@setpoint/testing';
import { openTcpProxy, type TcpProxy } from '@setpoint/testing/tcp-proxy';
import { pino } from 'pino';
import { forgeries } from './forgery.ts';
import { startInstanceProcess } from './instance-process.ts';
import { type Lamp, lampOf, lampSchema } from './lamp.ts';
import type { Outcome } from './outcome.ts';
import { createSchedule, type Schedule, type Step } from './schedule.ts';
import { createWitness, type Witness } from './witness.ts';

/** One instance behind a wire of its own: an object in this process, or a process. */
interface Instance {
  readonly name: string;
  readonly wire: TcpProxy;
  readonly isProcess: boolean;
  cacheDir: string;
  skewMs: number;
  /** Ends it with no goodbye; undefined while there is none. */
  kill: (() => Promise<unknown>) | undefined;
}

const convergeWithinMs = 10_000;
const lengthMs = 2000;
const silent = pino({ level: 'silent' });

/** Carries out the schedule of a seed on a real broker, with real processes, in real time. */
export async function runOnSocket(seed: number, broker: BrokerHarness): Promise<Outcome> {
  const schedule = createSchedule(seed, lengthMs);
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'setpoint-chaos-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const wires: TcpProxy[] = [];
  // One for each instance, the last one for the authority.
  for (let count = 0; count <= schedule.instances; count += 1) {
    wires.push(stack.use(await openTcpProxy(String(broker.url))));
  }
  const bus = broker.connect();
  stack.defer(() => bus.stop());
  await bus.start();
  const run = new SocketRun(schedule, { broker, folder, wires, bus });
  stack.defer(() => run.end());
  // Awaited here: what it runs on is closed after this line.
  return await run.run();
}

interface Place {
  readonly broker: BrokerHarness;
  readonly folder: string;
  readonly wires: readonly TcpProxy[];
  /** Straight to the broker. */
  readonly bus: Bus;
}

class SocketRun {
  readonly #schedule: Schedule;
  readonly #place: Place;
  readonly #prefix: string;
  readonly #operator: Operator;
  readonly #witness: Witness = createWitness();
  readonly #instances: readonly Instance[];
  readonly #log: string[] = [];
  readonly #health = new Map<string, Health>();
  readonly #asked: Promise<unknown>[] = [];
  readonly #cutting = new Set<NodeJS.Timeout>();
  #authority: AuthorityProcess | undefined;
  #trustedKeys: TrustedKeys = { keys: [] };
  #isBrokerUp = true;
  #number = 0;
  #caches = 0;

  constructor(schedule: Schedule, place: Place) {
    this.#schedule = schedule;
    this.#place = place;
    this.#prefix = `chaos${schedule.seed}`;
    const { bus, folder, wires } = place;
    this.#operator = createOperator({ bus, name: 'ann', prefix: this.#prefix, timeoutMs: 60_000, retryMs: 200 });
    this.#instances = wires.slice(0, -1).map((wire, index) => ({
      name: `lamp-${index}`,
      wire,
      isProcess: index % 2 === 1,
      cacheDir: join(folder, `cache-${index}`),
      skewMs: 0,
      kill: undefined,
    }));
    bus.subscribe(`${this.#prefix}/system/health/+`, ({ payload }) => {
      const health = tryOpenMessage(healthType, payload, { now: Date.now() })?.data;
      if (health) this.#health.set(health.instance, health);
    });
  }

  async run(): Promise<Outcome> {
    const { seed, steps, endMs } = this.#schedule;
    await this.#startAuthority();
    await this.#authority?.up;
    this.#trustedKeys = JSON.parse(await readFile(this.#keysFile, 'utf8'));
    await this.#change(false);
    for (const instance of this.#instances) this.#startInstance(instance);
    const beginMs = performance.now();
    const until = (atMs: number): Promise<void> => delay(Math.max(0, beginMs + atMs - performance.now()));
    for (const { atMs, ...step } of steps) {
      await until(atMs);
      this.#log.push(`${atMs} ms  ${JSON.stringify(step)}`);
      await this.#do(step);
    }
    await until(endMs);
    const healedMs = await this.#mendAll();
    while (this.#stragglers().length > 0 && performance.now() - healedMs < convergeWithinMs) await delay(10);
    const convergedMs = Math.round(performance.now() - healedMs);
    const stragglers = this.#stragglers();
    if (stragglers.length > 0) {
      this.#witness.complain(`not converged within ${convergeWithinMs} ms: ${stragglers.join('; ')}`);
    }
    return { seed, faults: this.#witness.faults, convergedMs, report: [`seed ${seed}`, ...this.#log].join('\n') };
  }

  get #keysFile(): string {
    return join(this.#place.folder, 'data', 'trusted-keys.json');
  }

  async #do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'change':
        // The answer may be long in coming; the operator asks until then.
        this.#asked.push(this.#change(step.poison));
        return;
      case 'forge':
        this.#place.bus
          .publish(`${this.#prefix}/config/lamp/snapshot`, forgeries[step.how], { retain: true })
          .catch(() => undefined);
        return;
      case 'network':
        return this.#spoil(step.faults);
      case 'partition':
        return this.#wireAt(step.who).freeze();
      case 'heal':
        if (step.how === 'cut') this.#wireAt(step.who).cut();
        return this.#wireAt(step.who).thaw();
      case 'disconnect':
        return this.#wireAt(step.who).reset();
      case 'broker_down':
        if (this.#isBrokerUp) await this.#place.broker.stop();
        this.#isBrokerUp = false;
        return;
      case 'broker_up':
        if (!this.#isBrokerUp) await this.#place.broker.start({ keepRetained: step.keepRetained });
        this.#isBrokerUp = true;
        return;
      case 'kill_authority':
        await this.#authority?.end('SIGKILL');
        this.#authority = undefined;
        return;
      case 'start_authority':
        return this.#startAuthority();
      case 'kill_instance':
        return this.#killInstance(this.#instanceAt(step.who), step.keepsCache);
      case 'start_instance':
        return this.#startInstance(this.#instanceAt(step.who));
      case 'clock':
        if (step.who < this.#instances.length) this.#instanceAt(step.who).skewMs += step.byMs;
    }
  }

  /** What a wire can do of it: no broker that we know turns messages around, and none repeats them at QoS 1 unasked. */
  #spoil({ drop = 0, overflow = 0, cut = 0, delay: late = 0, maxDelayMs = 0 }: Faults): void {
    for (const timer of this.#cutting) clearInterval(timer);
    this.#cutting.clear();
    for (const [index, wire] of this.#place.wires.entries()) {
      const random = createRandom(seedOf(this.#schedule.seed, `wire ${index}`));
      wire.delay(Math.round(late * maxDelayMs));
      wire.dropToClients(({ cmd, ...packet }) => {
        const lost = 'qos' in packet && packet.qos === 0 ? drop : overflow;
        return cmd === 'publish' && random() < lost;
      });
      if (cut > 0) this.#cutting.add(setInterval(() => random() < 10 * cut && wire.cut(), 100));
    }
  }

  /** Returns when the last fault was over. */
  async #mendAll(): Promise<number> {
    const { lastChange } = this.#schedule;
    await this.#do({ kind: 'broker_up', keepRetained: true });
    await this.#startAuthority();
    for (const instance of this.#instances) this.#startInstance(instance);
    const asked = lastChange === 'before' ? this.#change(false) : undefined;
    this.#spoil({});
    for (const wire of this.#place.wires) wire.thaw();
    await this.#authority?.up;
    const healedMs = performance.now();
    await Promise.all([...this.#asked, asked]);
    // Requests that were under way together may be carried out in any order.
    if (lastChange === 'after' || this.#latest.isPoisoned) await this.#change(false);
    return healedMs;
  }

  #instanceAt(who: number): Instance {
    const instance = this.#instances[who];
    if (!instance) throw new Error(`the schedule names instance ${who} of ${this.#instances.length}`);
    return instance;
  }

  #wireAt(who: number): TcpProxy {
    const wire = this.#place.wires[who];
    if (!wire) throw new Error(`the schedule names wire ${who} of ${this.#place.wires.length}`);
    return wire;
  }

  async #change(poison: boolean): Promise<void> {
    this.#number += 1;
    const reason = `change ${this.#number}`;
    const operation = { op: 'merge', patch: lampOf(this.#number, poison), reason } as const;
    const result = await this.#operator.request('lamp', operation);
    if (result.status !== 'applied') this.#witness.complain(`${reason} was not applied: ${JSON.stringify(result)}`);
    if (result.version > this.#latest.version) this.#latest = { version: result.version, isPoisoned: poison };
  }

  /** The newest version that the authority has named, and whether services refuse it. */
  #latest = { version: 0, isPoisoned: false };

  async #startAuthority(): Promise<void> {
    if (this.#authority) return;
    const { folder, wires } = this.#place;
    this.#authority = spawnAuthority({
      SETPOINT_MQTT_URL: String(wires.at(-1)?.url),
      SETPOINT_DATA_DIR: join(folder, 'data'),
      SETPOINT_CONFIG_DIR: join(folder, 'config'),
      SETPOINT_PREFIX: this.#prefix,
    });
  }

  #startInstance(instance: Instance): void {
    if (instance.kill) return;
    const { name, wire, cacheDir } = instance;
    if (instance.isProcess) {
      const args = [wire.url, this.#prefix, name, cacheDir, this.#keysFile];
      instance.kill = startInstanceProcess(args, (sight) => this.#witness.saw(name, sight));
    } else {
      instance.kill = this.#connect(instance);
    }
  }

  #connect(instance: Instance): () => Promise<unknown> {
    const { name, wire, cacheDir } = instance;
    const ending = new AbortController();
    let isDead = false;
    let bus: Bus | undefined;
    let connection: Connection<Lamp> | undefined;
    const starting = connect({
      service: 'lamp',
      schema: lampSchema,
      instance: name,
      prefix: this.#prefix,
      bus: (options) => {
        bus = createMqttBus({ url: wire.url, clientId: `${this.#prefix}-${name}`, ...options });
        return bus;
      },
      cacheDir,
      trustedKeys: this.#trustedKeys,
      withoutSnapshot: 'wait',
      heartbeatIntervalMs: 1000,
      logger: silent,
      signal: ending.signal,
      now: () => Date.now() + instance.skewMs,
    }).then(
      (opened) => {
        connection = opened;
        if (!isDead) this.#witness.follow(opened, () => isDead);
      },
      (cause) => {
        if (!isDead) this.#witness.complain(`${name} did not start: ${cause}`);
      },
    );
    return async () => {
      isDead = true;
      await bus?.stop({ abrupt: true });
      ending.abort();
      await starting;
      // All of it, so that the file is not written any more when the next one reads it.
      await connection?.stop();
    };
  }

  async #killInstance(instance: Instance, keepsCache: boolean): Promise<void> {
    const { name, kill } = instance;
    if (!kill) return;
    // What was said by now was kept on disk before it was said.
    const { epoch, version } = this.#health.get(name)?.config ?? {};
    await kill();
    instance.kill = undefined;
    if (!keepsCache) instance.cacheDir = join(this.#place.folder, `cache-${++this.#caches}-of-${name}`);
    const isKnown = keepsCache && epoch !== undefined && version !== undefined;
    this.#witness.restarted(name, isKnown ? { epoch, version } : undefined);
  }

  /** Who does not say that it runs the latest version. */
  #stragglers(): readonly string[] {
    const { version } = this.#latest;
    return this.#instances.flatMap(({ name }) => {
      const health = this.#health.get(name);
      if (health?.config?.version === version && health.state !== 'offline') return [];
      return [`${name} says ${health?.state} at version ${health?.config?.version} and not ${version}`];
    });
  }

  async end(): Promise<void> {
    for (const timer of this.#cutting) clearInterval(timer);
    await Promise.all(this.#instances.map(({ kill }) => kill?.()));
    await this.#authority?.end('SIGKILL');
  }
}
