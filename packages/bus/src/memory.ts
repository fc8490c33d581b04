export { createMemoryBroker, type MemoryBroker, type MemoryBrokerOptions } from './memory/memory-broker.ts';
export type { MemoryDelivery, MemoryNetwork, MemoryPacket, MemoryRequest } from './memory/memory-router.ts';
