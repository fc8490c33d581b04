import type { Bus, BusOptions } from '@setpoint/bus';
import { createMemoryBroker, type MemoryPacket } from '@setpoint/bus/memory';
import { createFaultLog, type FaultLog } from './fault-log.ts';
import { checkFaults, checkFaultyBusOptions, type Faults, type FaultyBusOptions } from './faults.ts';
import { createLane, type Lane } from './lane.ts';
import { createRandom, seedOf } from './random.ts';

/** A broker in this process and a bad network around it. */
export interface FaultyBus {
  readonly seed: number;
  /** A bus to this broker; also what `connect` takes as `bus`. */
  readonly connect: (options?: BusOptions & { readonly clientId?: string }) => Bus;
  /** The client ids that are connected now. */
  readonly clientIds: readonly string[];
  /**
   * From now on these faults, and no others.
   * @throws SetpointError `options_invalid` with every fault; those before stay
   */
  setFaults(faults: Faults): void;
  /** Nothing passes between the broker and this client, though both still believe in their connection. */
  partition(clientId: string): void;
  /** Ends a partition: what was under way arrives, or, with `cut`, the connection and all of it are gone. */
  heal(clientId: string, how?: 'resume' | 'cut'): void;
  /** Ends every fault and every partition. */
  calm(): void;
  /** Ends one client's connection; its Last Will is sent. */
  disconnect(clientId: string): void;
  stop(): Promise<void>;
  /** @param options `keepRetained`: false forgets every retained message. @default true */
  start(options?: { readonly keepRetained?: boolean }): Promise<void>;
  restart(options?: { readonly keepRetained?: boolean }): Promise<void>;
  /** What was done to whom. */
  readonly log: FaultLog;
  /** Runs `body`; what it throws says the seed and what was done until then. */
  explain<T>(body: () => Promise<T>): Promise<T>;
}

/** Retained messages of one topic that may be served as stale. */
const rememberedRetained = 4;
const defaultMaxDelayMs = 1000;

/**
 * Creates a broker in memory whose network does what `faults` says, decided by `seed`. It begins running.
 * @throws SetpointError `options_invalid` with every fault
 */
export function createFaultyBus(options: FaultyBusOptions = {}): FaultyBus {
  checkFaultyBusOptions(options);
  const { seed = Math.floor(Math.random() * 2 ** 31) } = options;
  let faults = options.faults ?? {};
  const log = createFaultLog(seed);
  const lanes = new Map<string, Lane>();
  const randoms = new Map<string, () => number>();
  const kept = new Map<string, Uint8Array[]>();
  /** Per partitioned client, what is under way. */
  const held = new Map<string, (() => void)[]>();

  const broker = createMemoryBroker({ network: { admits: (clientId) => !held.has(clientId), carry } });

  function randomOf({ clientId, to }: MemoryPacket): () => number {
    const name = `${to} ${clientId}`;
    const random = randoms.get(name) ?? createRandom(seedOf(seed, name));
    randoms.set(name, random);
    return random;
  }

  function laneOf({ clientId, to }: MemoryPacket): Lane {
    const name = `${to} ${clientId}`;
    const lane = lanes.get(name) ?? createLane();
    lanes.set(name, lane);
    return lane;
  }

  function carry(packet: MemoryPacket, pass: (payload?: Uint8Array) => void): void {
    if (packet.to === 'broker' && packet.kind === 'publish' && packet.retain) keep(packet);
    const waiting = held.get(packet.clientId);
    if (!waiting) return spoil(packet, pass);
    log.add('held', packet);
    waiting.push(pass);
  }

  function spoil(packet: MemoryPacket, pass: (payload?: Uint8Array) => void): void {
    const random = randomOf(packet);
    // Always as many numbers, so that one fault more or less does not turn all that follow.
    const [lose, cut, twice, late, past, length, stale, which] = Array.from({ length: 8 }, random) as Eight;
    const { drop = 0, overflow = 0, delay = 0, duplicate = 0, reorder = 0, staleRetained = 0 } = faults;
    const lateMs = Math.ceil(length * (faults.maxDelayMs ?? defaultMaxDelayMs));
    const lane = laneOf(packet);
    if (packet.kind !== 'publish') return lane.carry(late < delay ? lateMs : 0, pass);

    const losing = packet.qos === 0 ? drop : packet.to === 'client' ? overflow : 0;
    if (lose < losing) return log.add('lost', packet);
    if (cut < (faults.cut ?? 0)) {
      log.add('cut', packet);
      return broker.disconnect(packet.clientId);
    }
    const payload =
      packet.to === 'client' && packet.retain && stale < staleRetained ? staleOf(packet, which) : undefined;
    if (payload) log.add('stale', packet);
    const arrive = (): void => pass(payload);
    if (twice < duplicate) {
      log.add('doubled', packet, lateMs);
      lane.overtake(lateMs, arrive);
    }
    if (past < reorder) {
      log.add('overtaken', packet, lateMs);
      return lane.overtake(lateMs, arrive);
    }
    if (late < delay) log.add('late', packet, lateMs);
    lane.carry(late < delay ? lateMs : 0, arrive);
  }

  function keep({ topic, payload }: MemoryPacket): void {
    const before = kept.get(topic) ?? [];
    kept.set(topic, [...before, payload.slice()].slice(-rememberedRetained));
  }

  function staleOf({ topic }: MemoryPacket, which: number): Uint8Array | undefined {
    const older = (kept.get(topic) ?? []).slice(0, -1).filter(({ length }) => length > 0);
    return older[Math.floor(which * older.length)];
  }

  const heal = (clientId: string, how: 'resume' | 'cut' = 'cut'): void => {
    const waiting = held.get(clientId);
    if (!waiting) return;
    held.delete(clientId);
    log.note(`${how === 'cut' ? 'healed, its connection gone' : 'healed'}: ${clientId}`);
    if (how === 'cut') broker.disconnect(clientId);
    else for (const pass of waiting) pass();
  };

  const start = async ({ keepRetained = true }: { readonly keepRetained?: boolean } = {}): Promise<void> => {
    log.note(`the broker starts ${keepRetained ? 'with' : 'without'} its retained messages`);
    if (!keepRetained) kept.clear();
    await broker.start({ keepRetained });
  };

  const stop = async (): Promise<void> => {
    log.note('the broker stops');
    await broker.stop();
  };

  return {
    seed,
    connect: (busOptions) => broker.connect(busOptions),
    get clientIds() {
      return broker.clientIds;
    },
    setFaults: (next) => {
      checkFaults(next);
      log.note(`faults: ${JSON.stringify(next)}`);
      faults = next;
    },
    partition: (clientId) => {
      if (held.has(clientId)) return;
      log.note(`partitioned: ${clientId}`);
      held.set(clientId, []);
    },
    heal,
    calm: () => {
      faults = {};
      for (const clientId of [...held.keys()]) heal(clientId);
      log.note('calm');
    },
    disconnect: (clientId) => {
      log.note(`disconnected: ${clientId}`);
      broker.disconnect(clientId);
    },
    stop,
    start,
    restart: async (how) => {
      await stop();
      await start(how);
    },
    log,
    explain: async (body) => {
      try {
        return await body();
      } catch (cause) {
        throw new Error(`${cause instanceof Error ? cause.message : String(cause)}\n${log}`, { cause });
      }
    },
  };
}

type Eight = [number, number, number, number, number, number, number, number];
