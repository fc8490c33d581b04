import type { Bus, BusOptions } from '@setpoint/bus';
import { afterAll, afterEach, beforeAll, it } from 'vitest';

/** A broker that the suite can switch off and on, and buses that connect to it. */
export interface BrokerHarness {
  readonly name: string;
  /** `mqtt://…`; `undefined` for a broker that has no socket. */
  readonly url: string | undefined;
  /** A bus that is not started yet, with delays short enough for a test. */
  connect(options?: BusOptions & { readonly clientId?: string }): Bus;
  stop(): Promise<void>;
  start(options: { readonly keepRetained: boolean }): Promise<void>;
  /** Ends the broker for good. */
  close(): Promise<void>;
}

/** What the tests of one describe share: a broker that runs before each test, and buses that are stopped after it. */
export interface TestBed {
  /** A test; `root` is where its topics begin, apart from retained messages of other tests. */
  test(title: string, body: (root: string) => Promise<void>): void;
  create(options?: BusOptions & { clientId?: string }): Bus;
  /** Creates a bus and starts it. */
  connect(options?: BusOptions & { clientId?: string }): Promise<Bus>;
  stopBroker(): Promise<void>;
  startBroker(keepRetained: boolean): Promise<void>;
  restartBroker(keepRetained: boolean): Promise<void>;
}

/** Registers the hooks of a describe that is being collected. */
export function openTestBed(open: () => Promise<BrokerHarness>): TestBed {
  let broker: BrokerHarness;
  let buses: Bus[] = [];
  let isStopped = false;
  let tests = 0;

  beforeAll(async () => {
    broker = await open();
  });

  afterAll(() => broker.close());

  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.stop()));
    buses = [];
    if (isStopped) await bed.startBroker(true);
  });

  const bed: TestBed = {
    test(title, body) {
      it(title, () => body(`suite${++tests}`));
    },
    create(options) {
      const bus = broker.connect(options);
      buses.push(bus);
      return bus;
    },
    async connect(options) {
      const bus = bed.create(options);
      await bus.start();
      return bus;
    },
    async stopBroker() {
      isStopped = true;
      await broker.stop();
    },
    async startBroker(keepRetained) {
      await broker.start({ keepRetained });
      isStopped = false;
    },
    async restartBroker(keepRetained) {
      await bed.stopBroker();
      await bed.startBroker(keepRetained);
    },
  };
  return bed;
}
