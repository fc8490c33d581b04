import { type Contract, type JsonObject, SetpointError } from '@setpoint/protocol';
import { type CompiledSchema, compileContract } from './schema/schema.ts';
import type { LiveContract } from './schema/validate.ts';

/** The schemas that instances announced, and which of them running instances have now. */
export interface ContractRegistry {
  /**
   * Remembers the schema that a build of a service announced. It is looked at when a running instance has it.
   * @throws SetpointError `document_invalid` for the contract of a running instance that can't be used
   */
  announce(contract: Contract): void;
  /**
   * Says which contracts the running instances of a service have: instance → digest of the contract. Returns the
   * contracts that are not asked although an instance has them.
   */
  setLive(service: string, live: ReadonlyMap<string, string>): UnaskedContracts;
  /** The contracts of the running instances of a service, each once. The same array until one of them changes. */
  live(service: string): readonly LiveContract[];
  /** Calls `listener` with the service whenever its live contracts have changed. Returns a function that ends it. */
  onLiveChange(listener: (service: string) => void): () => void;
}

export interface UnaskedContracts {
  /** Digests that were never announced, or had to be forgotten. */
  readonly missing: readonly string[];
  /** Why contracts can't be used (`document_invalid`); each is returned once. */
  readonly refused: readonly SetpointError[];
}

/**
 * Contracts that no running instance has are kept only so far: one is announced before its instance reports. Past it the
 * oldest are forgotten, whoever's they are.
 */
const maxWaiting = 256;
const maxWaitingBytes = 8 * 1_048_576;
/** Different contracts of running instances of one service; those of any more instances are not asked. */
const maxLive = 64;

const noContracts: readonly LiveContract[] = Object.freeze([]);

/** A contract that a running instance has. */
interface Used {
  readonly contract: Waiting;
  /** Undefined for a contract that can't be used. */
  readonly schema: CompiledSchema | undefined;
}

interface Waiting {
  readonly service: string;
  readonly digest: string;
  readonly schema: JsonObject;
  readonly bytes: number;
}

/**
 * A registry without contracts.
 * @example
 * const contracts = createContractRegistry();
 * const engine = await createEngine({ store, contracts });
 * contracts.announce({ service: 'vad', digest: 'sha256:…', schema: { type: 'object' } });
 * contracts.setLive('vad', new Map([['vad-1', 'sha256:…']]));
 */
export function createContractRegistry(): ContractRegistry {
  const waiting = new Map<string, Waiting>();
  let waitingBytes = 0;
  /** By service and digest. */
  const used = new Map<string, ReadonlyMap<string, Used>>();
  /** What the instances of each service say that they have. */
  const named = new Map<string, ReadonlyMap<string, string>>();
  const running = new Map<string, readonly LiveContract[]>();
  const listeners = new Set<(service: string) => void>();

  const live = (service: string): readonly LiveContract[] => running.get(service) ?? noContracts;

  function take(service: string, digest: string): Waiting | undefined {
    const key = keyOf(service, digest);
    const found = waiting.get(key);
    waiting.delete(key);
    waitingBytes -= found?.bytes ?? 0;
    return found;
  }

  function keepWaiting(contract: Waiting): void {
    take(contract.service, contract.digest);
    waiting.set(keyOf(contract.service, contract.digest), contract);
    waitingBytes += contract.bytes;
    for (const { service, digest } of waiting.values()) {
      if (waiting.size <= maxWaiting && waitingBytes <= maxWaitingBytes) return;
      take(service, digest);
    }
  }

  /** Uses the contracts that running instances have, and lets those wait that they have no more. */
  function refresh(service: string): UnaskedContracts {
    const instances = named.get(service) ?? new Map<string, string>();
    const known = used.get(service) ?? new Map<string, Used>();
    const next = new Map<string, Used>();
    const missing: string[] = [];
    const refused: SetpointError[] = [];
    for (const digest of [...new Set(instances.values())].slice(0, maxLive)) {
      const contract = take(service, digest);
      const use = known.get(digest) ?? (contract && makeUsable(contract, refused));
      if (use) next.set(digest, use);
      else missing.push(digest);
    }
    for (const [digest, { contract }] of known) if (!next.has(digest)) keepWaiting(contract);
    if (next.size > 0) used.set(service, next);
    else used.delete(service);
    publish(service, liveContracts(instances, next));
    return { missing, refused };
  }

  function publish(service: string, next: readonly LiveContract[]): void {
    if (isSame(live(service), next)) return;
    if (next.length > 0) running.set(service, next);
    else running.delete(service);
    for (const listener of listeners) listener(service);
  }

  return {
    announce({ service, digest, schema }) {
      if (used.get(service)?.has(digest)) return;
      keepWaiting({ service, digest, schema, bytes: JSON.stringify(schema).length });
      if (![...(named.get(service)?.values() ?? [])].includes(digest)) return;
      const [failure] = refresh(service).refused;
      if (failure) throw failure;
    },
    setLive(service, instances) {
      if (instances.size > 0) named.set(service, instances);
      else named.delete(service);
      return refresh(service);
    },
    live,
    onLiveChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function makeUsable(contract: Waiting, refused: SetpointError[]): Used {
  const { digest } = contract;
  try {
    return { contract, schema: { ...compileContract(contract.schema), digest } };
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    refused.push(cause);
    return { contract, schema: undefined };
  }
}

const keyOf = (service: string, digest: string): string => `${service} ${digest}`;

/** A thousand instances of one build have one contract: it is checked once, under the name of the first of them. */
function liveContracts(
  instances: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, Used>,
): readonly LiveContract[] {
  const firstOf = new Map([...instances].reverse().map(([instance, digest]) => [digest, instance]));
  return [...firstOf].flatMap(([digest, instance]) => {
    const schema = known.get(digest)?.schema;
    return schema ? [{ instance, schema }] : [];
  });
}

const isSame = (before: readonly LiveContract[], after: readonly LiveContract[]): boolean =>
  before.length === after.length &&
  before.every(({ instance, schema }, i) => instance === after[i]?.instance && schema === after[i]?.schema);
