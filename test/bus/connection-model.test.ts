import type { Bus, BusStatus } from '@setpoint/bus';
import type { BrokerHarness } from '@setpoint/bus/suite';
import { availableBrokers } from '@setpoint/test-support/brokers/brokers';
import { hear, reached } from '@setpoint/test-support/heard';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConnectionEvent,
  type ConnectionState,
  connectionTransitions,
} from '../../packages/bus/src/session/connection-state.ts';

/** What must be true of a connection after the commands until now. */
interface Model {
  state: ConnectionState;
  isBrokerUp: boolean;
  /** How often it was connected. */
  sessions: number;
}

interface Real {
  readonly bus: Bus;
  readonly broker: BrokerHarness;
  readonly root: string;
  readonly told: BusStatus[];
  readonly started: Promise<unknown>[];
}

type Command = fc.AsyncCommand<Model, Real>;

function move(model: Model, ...events: readonly ConnectionEvent[]): void {
  for (const event of events) {
    model.state = connectionTransitions[model.state][event];
    if (event === 'accepted') model.sessions += 1;
  }
}

/** Waits for the state that the model is in, and compares what can be seen of it. */
async function settle(model: Model, { bus }: Real): Promise<void> {
  const { state, sessions } = model;
  await reached(bus, (now) => now.kind === state && (now.kind !== 'connected' || now.session === sessions));
}

const isOpen = ({ state }: Model): boolean => state !== 'idle' && state !== 'draining' && state !== 'closed';

class Start implements Command {
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    if (model.state === 'closed') return expect(real.bus.start()).rejects.toMatchObject({ code: 'stopped' });
    real.started.push(real.bus.start().catch((cause) => cause));
    const wasIdle = model.state === 'idle';
    move(model, 'start');
    if (wasIdle && model.isBrokerUp) move(model, 'accepted');
    return settle(model, real);
  }
  toString = (): string => 'start';
}

class BrokerGoes implements Command {
  check = ({ isBrokerUp }: Readonly<Model>): boolean => isBrokerUp;
  async run(model: Model, real: Real): Promise<void> {
    await real.broker.stop();
    model.isBrokerUp = false;
    if (model.state === 'connected') move(model, 'lost');
    await settle(model, real);
  }
  toString = (): string => 'broker goes';
}

class BrokerComes implements Command {
  check = ({ isBrokerUp }: Readonly<Model>): boolean => !isBrokerUp;
  async run(model: Model, real: Real): Promise<void> {
    await real.broker.start({ keepRetained: true });
    model.isBrokerUp = true;
    if (isOpen(model)) move(model, 'failed', 'accepted');
    await settle(model, real);
  }
  toString = (): string => 'broker comes';
}

class Reconnect implements Command {
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    real.bus.reconnect('the model says so');
    if (model.state === 'connected') move(model, 'lost', 'accepted');
    await settle(model, real);
  }
  toString = (): string => 'reconnect';
}

class Speak implements Command {
  check = (): boolean => true;
  async run(model: Model, { bus, root }: Real): Promise<void> {
    const light = bus.publish(`${root}/light`, 'x', { qos: 0 });
    if (model.state !== 'connected') {
      return expect(light).rejects.toMatchObject({ code: model.state === 'closed' ? 'stopped' : 'not_connected' });
    }
    await light;
    expect(await bus.probe?.()).toBe(true);
    const heard = hear(bus, `${root}/echo`);
    await heard.subscription.ready;
    await bus.publish(`${root}/echo`, 'said');
    expect(await heard.next()).toBe('said');
    return heard.subscription.close();
  }
  toString = (): string => 'speak';
}

class Stop implements Command {
  readonly #abrupt: boolean;
  constructor(abrupt: boolean) {
    this.#abrupt = abrupt;
  }
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    await real.bus.stop({ abrupt: this.#abrupt });
    move(model, 'stop', 'ended');
    await settle(model, real);
  }
  toString = (): string => `stop ${this.#abrupt ? 'abruptly' : 'gracefully'}`;
}

const commands = fc.commands(
  [
    fc.constant(new Start()),
    fc.constant(new Start()),
    fc.constant(new BrokerGoes()),
    fc.constant(new BrokerComes()),
    fc.constant(new Reconnect()),
    fc.constant(new Speak()),
    fc.constant(new Speak()),
    fc.boolean().map((abrupt) => new Stop(abrupt)),
  ],
  { maxCommands: 12, size: 'max' },
);

/** Each `kind` follows from the one before it by some event; attempts and sessions count up. */
function expectALife(told: readonly BusStatus[]): void {
  let before: BusStatus = { kind: 'idle' };
  let session = 0;
  for (const status of told) {
    expect(Object.values(connectionTransitions[before.kind])).toContain(status.kind);
    if (status.kind === 'connected') {
      session += 1;
      expect(status.session).toBe(session);
    }
    if ('attempt' in status) {
      expect(status.attempt).toBe(before.kind === status.kind && 'attempt' in before ? before.attempt + 1 : 0);
    }
    before = status;
  }
}

const runsByBroker: Readonly<Record<string, number>> = { memory: 100, aedes: 25, Mosquitto: 3 };

describe.each(await availableBrokers())('the connection over $name', ({ name, open }) => {
  it('a bus moves as the transition table says, whatever happens in whatever order', { timeout: 120_000 }, async () => {
    const broker = await open();
    let runs = 0;
    try {
      await fc.assert(
        fc.asyncProperty(commands, async (steps) => {
          runs += 1;
          const bus = broker.connect();
          const real: Real = { bus, broker, root: `model${runs}`, told: [], started: [] };
          const model: Model = { state: 'idle', isBrokerUp: true, sessions: 0 };
          bus.onStatus((status) => real.told.push(status));
          try {
            await fc.asyncModelRun(() => ({ model, real }), steps);
          } finally {
            await bus.stop();
            await Promise.all(real.started);
            if (!model.isBrokerUp) await broker.start({ keepRetained: true });
          }
          expectALife(real.told);
        }),
        { numRuns: runsByBroker[name] ?? 10 },
      );
    } finally {
      await broker.close();
    }
  });
});
