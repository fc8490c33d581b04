import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ChainFault, digestOf, isNewer, type Stamp } from '@setpoint/protocol';
import type { PrunedRange, Store, VersionRecord } from '../store/store.ts';

export interface Verified {
  /** How many versions were looked at. */
  readonly verified: number;
  /** At most 1,000. */
  readonly faults: readonly ChainFault[];
}

const maxFaults = 1000;
/** So many versions are verified before others get a turn. */
const chunk = 50;

/**
 * Verifies every chain: each document has the digest that its version says, each version follows the one before it, by
 * number, epoch and digest, and what is missing is what retention took away.
 */
export async function verifyChains(store: Store): Promise<Verified> {
  const faults: ChainFault[] = [];
  let verified = 0;
  for (const { service } of await store.services()) {
    const pruned = await store.prunedRanges(service);
    let before: VersionRecord | undefined;
    for await (const record of store.versionsOf(service)) {
      faults.push(...findFaults(record, before, pruned).map((message) => toFault(record, message)));
      before = record;
      verified += 1;
      if (verified % chunk === 0) await nextTurn();
    }
  }
  return { verified, faults: faults.slice(0, maxFaults) };
}

const toFault = ({ snapshot: { service, version } }: VersionRecord, message: string): ChainFault => ({
  service,
  version,
  message,
});

function findFaults(
  record: VersionRecord,
  before: VersionRecord | undefined,
  pruned: readonly PrunedRange[],
): string[] {
  const { snapshot } = record;
  const link = linkBefore(snapshot.version, before?.snapshot, pruned);
  return [
    ...(digestOf(snapshot.values) === snapshot.digest ? [] : ['the document does not have the digest of its version']),
    ...(link === 'gap' ? [`the version before it is missing, and retention did not take it`] : []),
    ...(link !== 'gap' && !isSameLink(snapshot.previous, link) ? ['it does not follow the version before it'] : []),
    ...(before && !isNewer(snapshot, before.snapshot) ? ['its epoch or version is not above the one before it'] : []),
  ];
}

type Link = Pick<Stamp, 'version' | 'digest'> | null;

/** What `previous` has to say. */
function linkBefore(version: number, before: Stamp | undefined, pruned: readonly PrunedRange[]): Link | 'gap' {
  if (version === 1) return null;
  if (before?.version === version - 1) return { version: before.version, digest: before.digest };
  const range = pruned.find(({ last }) => last === version - 1);
  const isWhole = range !== undefined && range.first === (before?.version ?? 0) + 1;
  return isWhole ? { version: range.last, digest: range.digest } : 'gap';
}

const isSameLink = (a: Link, b: Link): boolean => a?.version === b?.version && a?.digest === b?.digest;
