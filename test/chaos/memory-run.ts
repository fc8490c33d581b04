import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '@setpoint/bus';
import { type Connection, connect } from '@setpoint/client';
import { type Authority, startAuthority } from '@setpoint/config-authority';
import type { Store } from '@setpoint/engine';
import { openSqliteStore } from '@setpoint/engine/store/sqlite';
import { createKeyRing } from '@setpoint/protocol';
import {
  createFaultyBus,
  createTestKeys,
  type FaultyBus,
  installVirtualClock,
  type VirtualClock,
} from '@setpoint/testing';
import { pino } from 'pino';
import { forgeries } from './forgery.ts';
import { type Lamp, lampOf, lampSchema } from './lamp.ts';
import type { Outcome } from './outcome.ts';
import { createSchedule, type Schedule, type Step } from './schedule.ts';
import { createWitness, type Witness } from './witness.ts';

/** One service process: what there is of it while it lives. */
interface Instance {
  readonly name: string;
  cacheDir: string;
  skewMs: number;
  bus: Bus | undefined;
  connection: Connection<Lamp> | undefined;
  /** Told when the process is killed, so that the object that is left says no more. */
  life: { isDead: boolean } | undefined;
  ending: AbortController | undefined;
}

/** What is promised. */
const convergeWithinMs = 10_000;
const silent = pino({ level: 'silent' });
const keys = createTestKeys();
const ownKeys = createKeyRing(keys.trustedKeys);
/** A disk that costs nothing, where there is one: what is asked here is not how fast files are. */
const diskFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Carries out the schedule of a seed in memory, in virtual time. */
export async function runInMemory(seed: number): Promise<Outcome> {
  const folder = await mkdtemp(join(diskFolder, 'setpoint-chaos-'));
  using clock = installVirtualClock({ seed });
  try {
    return await new MemoryRun(createSchedule(seed), folder, clock).run();
  } finally {
    clock.uninstall();
    await rm(folder, { recursive: true, force: true });
  }
}

class MemoryRun {
  readonly #schedule: Schedule;
  readonly #folder: string;
  readonly #clock: VirtualClock;
  readonly #broker: FaultyBus;
  readonly #witness: Witness = createWitness();
  readonly #instances: readonly Instance[];
  readonly #endings: Promise<unknown>[] = [];
  readonly #forgers: Bus[] = [];
  #authority: { readonly authority: Authority; readonly store: Store; readonly bus: Bus } | undefined;
  #authoritySkewMs = 0;
  #isBrokerUp = true;
  #number = 0;
  #lives = 0;

  constructor(schedule: Schedule, folder: string, clock: VirtualClock) {
    this.#schedule = schedule;
    this.#folder = folder;
    this.#clock = clock;
    this.#broker = createFaultyBus({ seed: schedule.seed });
    this.#instances = Array.from({ length: schedule.instances }, (_, index) => ({
      name: `lamp-${index}`,
      cacheDir: join(folder, `cache-${index}`),
      skewMs: 0,
      bus: undefined,
      connection: undefined,
      life: undefined,
      ending: undefined,
    }));
  }

  async run(): Promise<Outcome> {
    const { seed, steps, endMs } = this.#schedule;
    const beginMs = this.#clock.nowMs;
    await this.#startAuthority();
    await this.#change(false);
    for (const instance of this.#instances) this.#startInstance(instance);
    for (const { atMs, ...step } of steps) {
      await this.#clock.advance(Math.max(0, beginMs + atMs - this.#clock.nowMs));
      this.#broker.log.note(`step: ${JSON.stringify(step)}`);
      await this.#do(step);
    }
    await this.#clock.advance(Math.max(0, beginMs + endMs - this.#clock.nowMs));
    await this.#mendAll();
    const healedMs = this.#clock.nowMs;
    if (!(await this.#clock.advanceUntil(() => this.#stragglers().length === 0, convergeWithinMs))) {
      this.#witness.complain(`not converged within ${convergeWithinMs} ms: ${this.#stragglers().join('; ')}`);
    }
    const convergedMs = this.#clock.nowMs - healedMs;
    await this.#end();
    return { seed, faults: this.#witness.faults, convergedMs, report: String(this.#broker.log) };
  }

  async #do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'change':
        return this.#change(step.poison);
      case 'forge':
        return this.#forge(forgeries[step.how]);
      case 'network':
        return this.#broker.setFaults(step.faults);
      case 'partition':
        return this.#broker.partition(this.#nameOf(step.who));
      case 'heal':
        return this.#broker.heal(this.#nameOf(step.who), step.how);
      case 'disconnect':
        return this.#broker.disconnect(this.#nameOf(step.who));
      case 'broker_down':
        this.#isBrokerUp = false;
        return this.#broker.stop();
      case 'broker_up':
        this.#isBrokerUp = true;
        return this.#broker.start({ keepRetained: step.keepRetained });
      case 'kill_authority':
        return this.#killAuthority();
      case 'start_authority':
        return this.#startAuthority();
      case 'kill_instance':
        return this.#killInstance(this.#instanceAt(step.who), step.keepsCache);
      case 'start_instance':
        return this.#startInstance(this.#instanceAt(step.who));
      case 'clock':
        if (step.who < this.#instances.length) this.#instanceAt(step.who).skewMs += step.byMs;
        else this.#authoritySkewMs += step.byMs;
    }
  }

  /** The last fault is over: all is there and reachable. */
  async #mendAll(): Promise<void> {
    const { lastChange } = this.#schedule;
    this.#broker.log.note(`the last fault is over; the last change: ${lastChange}`);
    await Promise.all(this.#forgers.map((bus) => bus.stop({ abrupt: true })));
    await this.#startAuthority();
    if (lastChange === 'before') await this.#change(false);
    this.#broker.calm();
    if (!this.#isBrokerUp) await this.#broker.start();
    this.#isBrokerUp = true;
    for (const instance of this.#instances) this.#startInstance(instance);
    if (lastChange === 'after') await this.#change(false);
  }

  #instanceAt(who: number): Instance {
    const instance = this.#instances[who];
    if (!instance) throw new Error(`the schedule names instance ${who} of ${this.#instances.length}`);
    return instance;
  }

  #nameOf(who: number): string {
    return this.#instances[who]?.name ?? 'authority';
  }

  async #change(poison: boolean): Promise<void> {
    this.#number += 1;
    const id = `change-${this.#number}`;
    const request = {
      op: 'merge',
      service: 'lamp',
      author: 'ann',
      reason: id,
      patch: lampOf(this.#number, poison),
    } as const;
    const result = await this.#authority?.authority.engine.request(request, id, { requester: 'ann' });
    if (result && result.status !== 'applied') {
      this.#witness.complain(`${id} was not applied: ${result.status}, ${JSON.stringify(result.problem)}`);
    }
  }

  /** A stranger connects, publishes, and is gone: at the latest with the last fault, also what is under way. */
  #forge(payload: string | Uint8Array): void {
    const bus = this.#broker.connect({ clientId: `forger-${++this.#lives}` });
    this.#forgers.push(bus);
    const forging = bus
      .start()
      .then(() => bus.publish('config/lamp/snapshot', payload, { retain: true }))
      .catch(() => undefined);
    this.#endings.push(forging);
  }

  async #startAuthority(): Promise<void> {
    if (this.#authority) return;
    const now = (): number => Date.now() + this.#authoritySkewMs;
    const store = await openSqliteStore({ file: join(this.#folder, 'setpoint.db'), now });
    let bus: Bus | undefined;
    const authority = await startAuthority({
      store,
      openBus: (options) => {
        bus = this.#broker.connect({ ...options, clientId: 'authority' });
        return bus;
      },
      signer: keys.signer,
      ownKeys,
      logger: silent,
      now,
    });
    this.#authority = { authority, store, bus: bus as Bus };
  }

  /** The process is gone at once: nothing is told, nothing is flushed. What the store has committed is there. */
  async #killAuthority(): Promise<void> {
    const killed = this.#authority;
    if (!killed) return;
    this.#authority = undefined;
    this.#endings.push(killed.bus.stop({ abrupt: true }));
    await killed.store[Symbol.asyncDispose]();
    this.#endings.push(killed.authority.stop().catch(() => undefined));
    await this.#clock.settle();
  }

  #startInstance(instance: Instance): void {
    if (instance.life) return;
    const life = { isDead: false };
    const ending = new AbortController();
    Object.assign(instance, { life, ending });
    const starting = connect({
      service: 'lamp',
      schema: lampSchema,
      instance: instance.name,
      bus: (options) => {
        instance.bus = this.#broker.connect({ ...options, clientId: instance.name });
        return instance.bus;
      },
      cacheDir: instance.cacheDir,
      trustedKeys: keys.trustedKeys,
      withoutSnapshot: 'wait',
      logger: silent,
      signal: ending.signal,
      now: () => Date.now() + instance.skewMs,
    }).then((connection) => {
      if (life.isDead) return connection.stop();
      instance.connection = connection;
      this.#witness.follow(connection, () => life.isDead);
      return undefined;
    });
    this.#endings.push(
      starting.catch((cause: unknown) => {
        if (!life.isDead) this.#witness.complain(`${instance.name} did not start: ${cause}`);
      }),
    );
  }

  async #killInstance(instance: Instance, keepsCache: boolean): Promise<void> {
    const { life, connection, bus, ending } = instance;
    if (!life) return;
    life.isDead = true;
    const report = connection?.health().config;
    if (bus) this.#endings.push(bus.stop({ abrupt: true }));
    ending?.abort();
    if (connection) this.#endings.push(connection.stop());
    Object.assign(instance, { life: undefined, connection: undefined, bus: undefined, ending: undefined });
    // What the object still had in hand must not be taken for what the next process does.
    await this.#clock.settle();
    const { epoch, version } = report ?? {};
    if (!keepsCache) {
      instance.cacheDir = join(this.#folder, `cache-${++this.#lives}-of-${instance.name}`);
      this.#witness.restarted(instance.name, undefined);
    } else if (epoch !== undefined && version !== undefined) {
      this.#witness.restarted(instance.name, { epoch, version });
    }
  }

  /** Who does not run the latest version, and what it runs instead. */
  #stragglers(): readonly string[] {
    const latest = this.#authority?.authority.engine.current('lamp')?.snapshot;
    if (!latest) return ['there is no authority'];
    return this.#instances.flatMap(({ name, connection }) => {
      const config = connection?.health().config;
      if (config?.version === latest.version && config.epoch === latest.epoch) return [];
      const runs = connection ? `version ${connection.stamp?.version} (${connection.state})` : 'nothing yet';
      return [`${name} runs ${runs} and not ${latest.version}`];
    });
  }

  async #end(): Promise<void> {
    for (const instance of this.#instances) {
      if (instance.life) instance.life.isDead = true;
      this.#endings.push(Promise.resolve(instance.connection?.stop()));
      instance.ending?.abort();
    }
    let isOver = false;
    void Promise.allSettled(this.#endings).then(() => {
      isOver = true;
    });
    await this.#clock.advanceUntil(() => isOver, 60_000);
    await this.#killAuthority();
    await this.#broker.stop();
  }
}
