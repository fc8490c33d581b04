import type { Bus, BusOptions } from '../bus.ts';
import { LinkBus } from '../session/link-bus.ts';
import { MemoryLink } from './memory-link.ts';
import { type MemoryDelivery, type MemoryNetwork, type MemoryRequest, MemoryRouter } from './memory-router.ts';

export interface MemoryBrokerOptions {
  /** Asked before each delivery; `'drop'` loses it, as a broker with a full queue does. */
  readonly intercept?: (delivery: MemoryDelivery) => 'deliver' | 'drop';
  /** Asked before each publish and subscription; `false` refuses it. @default everything is allowed */
  readonly allow?: (request: MemoryRequest) => boolean;
  /** Unacknowledged QoS 1 messages that one client may have. @default 65535 */
  readonly receiveMaximum?: number;
  /** The network between the clients and the broker. @default one that loses nothing */
  readonly network?: MemoryNetwork;
}

/**
 * A broker in this process, with retained messages, Last Wills and client ids that are unique: the same promises as
 * over a socket. It begins running.
 */
export interface MemoryBroker {
  /** A bus to this broker. Connects at `start`. */
  connect(options?: BusOptions & { readonly clientId?: string }): Bus;
  /** Ends every connection, as a broker that shuts down does: no Last Will is sent. Clients go on trying. */
  stop(): Promise<void>;
  /** @param options `keepRetained`: what a broker with persistence does. @default true */
  start(options?: { readonly keepRetained?: boolean }): Promise<void>;
  /** Ends the connection of one client, whose Last Will is sent. */
  disconnect(clientId: string): void;
  /** The client ids that are connected now. */
  readonly clientIds: readonly string[];
}

/**
 * Creates a broker in this process, for tests and wherever no socket is wanted.
 * @example
 * const broker = createMemoryBroker();
 * await using bus = broker.connect({ clientId: 'lamp-1' });
 * await bus.start();
 */
export function createMemoryBroker(options: MemoryBrokerOptions = {}): MemoryBroker {
  const router = new MemoryRouter(options);
  let unnamed = 0;
  return {
    connect: (busOptions = {}) => {
      const { clientId = `memory-${++unnamed}` } = busOptions;
      return new LinkBus(new MemoryLink(router, clientId, busOptions), busOptions);
    },
    stop: async () => router.stop(),
    start: async ({ keepRetained = true } = {}) => router.start(keepRetained),
    disconnect: (clientId) => router.disconnect(clientId),
    get clientIds() {
      return router.clientIds;
    },
  };
}
