import type { Contract } from '@setpoint/protocol';
import { type CompiledSchema, compileSchema } from './schema/schema.ts';
import type { LiveContract } from './schema/validate.ts';

/** The schemas that instances announced, and which of them running instances have now. */
export interface ContractRegistry {
  /**
   * Remembers the schema that a build of a service announced.
   * @throws SetpointError `document_invalid` for a contract that is not a JSON Schema
   */
  announce(contract: Contract): void;
  /** Says which contracts the running instances of a service have: instance → digest of the contract. */
  setLive(service: string, live: ReadonlyMap<string, string>): void;
  /** The contracts of the running instances of a service, each once. The same array until one of them changes. */
  live(service: string): readonly LiveContract[];
  /** Calls `listener` with the service whenever its live contracts have changed. Returns a function that ends it. */
  onLiveChange(listener: (service: string) => void): () => void;
}

/** Contracts that are remembered for one service; beyond that the oldest that no instance runs is forgotten. */
const maxContracts = 64;

const noContracts: readonly LiveContract[] = Object.freeze([]);

/**
 * A registry without contracts.
 * @example
 * const contracts = createContractRegistry();
 * const engine = await createEngine({ store, contracts });
 * contracts.announce({ service: 'vad', digest: 'sha256:…', schema: { type: 'object' } });
 * contracts.setLive('vad', new Map([['vad-1', 'sha256:…']]));
 */
export function createContractRegistry(): ContractRegistry {
  const announced = new Map<string, Map<string, CompiledSchema>>();
  const running = new Map<string, readonly LiveContract[]>();
  const listeners = new Set<(service: string) => void>();

  const live = (service: string): readonly LiveContract[] => running.get(service) ?? noContracts;

  return {
    announce({ service, digest, schema }) {
      const known = announced.get(service) ?? new Map<string, CompiledSchema>();
      if (known.has(digest)) return;
      known.set(digest, { ...compileSchema(schema), digest });
      announced.set(service, known);
      forgetOldest(known, live(service));
    },
    setLive(service, instances) {
      const next = liveContracts(instances, announced.get(service));
      if (isSame(live(service), next)) return;
      running.set(service, next);
      for (const listener of listeners) listener(service);
    },
    live,
    onLiveChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** A thousand instances of one build have one contract: it is checked once, under the name of the first of them. */
function liveContracts(
  instances: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, CompiledSchema> | undefined,
): readonly LiveContract[] {
  const firstOf = new Map([...instances].reverse().map(([instance, digest]) => [digest, instance]));
  return [...firstOf].flatMap(([digest, instance]) => {
    const schema = known?.get(digest);
    return schema ? [{ instance, schema }] : [];
  });
}

const isSame = (before: readonly LiveContract[], after: readonly LiveContract[]): boolean =>
  before.length === after.length &&
  before.every(({ instance, schema }, i) => instance === after[i]?.instance && schema === after[i]?.schema);

function forgetOldest(known: Map<string, CompiledSchema>, live: readonly LiveContract[]): void {
  const idle = [...known.keys()].filter((digest) => !live.some(({ schema }) => schema.digest === digest));
  for (const digest of idle.slice(0, Math.max(0, known.size - maxContracts))) known.delete(digest);
}
