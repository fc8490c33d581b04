import {
  type Convergence,
  changedPointers,
  type Difference,
  type JsonValue,
  judge,
  mask,
  type Pointer,
  type Result,
  readPointer,
  type Snapshot,
  type Straggler,
} from '@setpoint/protocol';
import { maskSecrets } from './masking.ts';
import { settingsOf } from './value-text.ts';

/** One thing that was seen; with `--json`, one line of output. Secrets are masked. */
export type WatchEvent =
  /** A service as it stands when the watch begins. */
  | ({ readonly kind: 'present' } & Revision)
  | ChangeEvent
  | { readonly kind: 'deleted'; readonly service: string }
  | ConvergenceEvent
  /** A change of the one who watches was overwritten: before is theirs, after what counts now. */
  | {
      readonly kind: 'conflict';
      readonly service: string;
      readonly version: number;
      readonly overwrittenBy: string;
      readonly changes: readonly Difference[];
    }
  /** A message that is not believed. */
  | { readonly kind: 'ignored'; readonly topic: string; readonly code: string; readonly reason: string };

export interface Revision {
  readonly service: string;
  readonly epoch: number;
  readonly version: number;
  readonly author: string;
  readonly reason: string;
  readonly committedAt: string;
}

export type ChangeEvent = {
  readonly kind: 'change';
  /** The version seen before; null for a service that was not there. */
  readonly previousVersion: number | null;
  readonly changes: readonly Difference[];
} & Revision;

export interface ConvergenceEvent {
  readonly kind: 'convergence';
  readonly service: string;
  readonly version: number;
  /** How many run the version, of how many that are there. */
  readonly running: number;
  readonly live: number;
  readonly instances: Convergence['instances'];
  readonly stragglers: readonly Straggler[];
}

/** Follows the snapshots of many services and tells what each changes. */
export interface SnapshotFollower {
  /** Undefined where it says nothing new. */
  take(snapshot: Snapshot, isRetained: boolean): WatchEvent | undefined;
  /** The retained snapshot was removed. */
  remove(service: string): WatchEvent;
}

export function createSnapshotFollower(): SnapshotFollower {
  const known = new Map<string, Snapshot>();
  return {
    take(snapshot, isRetained) {
      const before = known.get(snapshot.service);
      if (judge(before, snapshot).kind !== 'apply') return undefined;
      known.set(snapshot.service, snapshot);
      return before || !isRetained ? changeOf(before, snapshot) : { kind: 'present', ...revisionOf(snapshot) };
    },
    remove(service) {
      known.delete(service);
      return { kind: 'deleted', service };
    },
  };
}

const revisionOf = ({ service, epoch, version, author, reason, committedAt }: Snapshot): Revision => ({
  service,
  epoch,
  version,
  author,
  reason,
  committedAt,
});

function changeOf(before: Snapshot | undefined, after: Snapshot): ChangeEvent {
  return {
    kind: 'change',
    ...revisionOf(after),
    previousVersion: before?.version ?? null,
    changes: before ? differences(before, after) : created(after),
  };
}

/** What is secret in one of the two is masked in both. */
function differences(before: Snapshot, after: Snapshot): Difference[] {
  const secrets = [...before.secrets, ...after.secrets];
  const [from, to] = [maskSecrets(before.values, secrets), maskSecrets(after.values, secrets)];
  return changedPointers(before.values, after.values).map((pointer) => ({
    pointer,
    ...present('before', from, pointer),
    ...present('after', to, pointer),
  }));
}

/** A section that is secret as a whole may differ within: then its mask is what is shown. */
function present(side: 'before' | 'after', masked: JsonValue, pointer: Pointer): Partial<Difference> {
  const value = readThroughMask(masked, pointer);
  return value === undefined ? {} : { [side]: value };
}

function readThroughMask(masked: JsonValue, pointer: Pointer): JsonValue | undefined {
  for (let at = pointer; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    if (readPointer(masked, at) === mask) return mask;
  }
  return readPointer(masked, pointer);
}

const created = ({ values, secrets }: Snapshot): Difference[] =>
  settingsOf(maskSecrets(values, secrets)).map(({ pointer, value }) => ({ pointer, after: value }));

export function convergenceEvent({ service, version, instances, stragglers }: Convergence): ConvergenceEvent {
  const { applied, pending, rejected, restartPending } = instances;
  return {
    kind: 'convergence',
    service,
    version,
    running: applied + restartPending,
    live: applied + pending + rejected + restartPending,
    instances,
    stragglers,
  };
}

export const conflictEvent = ({ service, version, overwrittenBy = '', diff = [] }: Result): WatchEvent => ({
  kind: 'conflict',
  service,
  version,
  overwrittenBy,
  changes: diff,
});

/** Is this not what was said of the service before? That nobody runs it is news only where somebody did. */
export function createNewsFilter(): (event: WatchEvent) => boolean {
  const told = new Map<string, string>();
  return (event) => {
    if (event.kind !== 'convergence') return true;
    const { service, live } = event;
    const text = JSON.stringify(event);
    const before = told.get(service);
    if (before === text || (before === undefined && live === 0)) return false;
    told.set(service, text);
    return true;
  };
}
