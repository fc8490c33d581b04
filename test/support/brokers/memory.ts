import { createMemoryBroker, type MemoryBroker, type MemoryBrokerOptions } from '@setpoint/bus/memory';
import type { BrokerHarness } from '@setpoint/bus/suite';

export interface MemoryHarness extends BrokerHarness {
  readonly broker: MemoryBroker;
}

export async function openMemory(options: MemoryBrokerOptions = {}): Promise<MemoryHarness> {
  const broker = createMemoryBroker(options);
  return {
    name: 'memory',
    url: undefined,
    broker,
    connect: broker.connect,
    stop: broker.stop,
    start: broker.start,
    close: broker.stop,
  };
}
