import type { ContractRegistry } from './contract-registry.ts';
import { unpackLayers } from './layer/packed-sources.ts';
import { emptyState, isDeleted, type ServiceState } from './service-state.ts';
import type { Store } from './store/store.ts';

/** The present state of every service: what the store has of it, with the contracts that run now. */
export interface ServiceStates {
  /** An empty state for a service that does not exist. */
  of(service: string): ServiceState;
  /** Services that exist, were deleted, or had their sources read; in no order. */
  names(): Iterable<string>;
  all(): Iterable<ServiceState>;
  /** Those that exist. */
  existing(): ServiceState[];
  /** Puts the states in place that a stored batch has made. */
  replace(next: ReadonlyMap<string, ServiceState>): void;
}

/** Reads where every service stands. */
export async function loadServiceStates(
  store: Store,
  contracts: Pick<ContractRegistry, 'live'>,
): Promise<ServiceStates> {
  const states = new Map<string, ServiceState>();
  for (const { service, latest, overrides } of await store.services()) {
    const stored = await store.findLayers(service, latest.snapshot.version);
    // The last known sources stand in until the sources are read, and where they can't be.
    const layers = stored?.sources && !latest.deleted ? unpackLayers(stored.sources) : [];
    states.set(service, { ...emptyState(service), latest, overrides, layers });
  }

  function of(service: string): ServiceState {
    const known = states.get(service);
    const live = contracts.live(service);
    if (!known) return { ...emptyState(service), contracts: live };
    if (known.contracts === live) return known;
    // Kept, so that what is cached by state stays valid until the next change.
    const next = { ...known, contracts: live };
    states.set(service, next);
    return next;
  }

  function* all(): Generator<ServiceState> {
    for (const service of states.keys()) yield of(service);
  }

  return {
    of,
    names: () => states.keys(),
    all,
    existing: () => [...all()].filter((state) => !isDeleted(state)),
    replace(next) {
      for (const [service, state] of next) states.set(service, state);
    },
  };
}
