import {
  type Convergence,
  type Health,
  type InstanceStanding,
  isNewer,
  maxStragglers,
  type Snapshot,
  type Straggler,
} from '@setpoint/protocol';

/** Follows which instance runs which version. Knows no clock: whoever feeds it says when. */
export interface ConvergenceTracker {
  /** A version was committed, or was found at start: from now on it is what instances are compared with. */
  target(snapshot: Snapshot): void;
  /** The service was deleted. */
  release(service: string): void;
  /**
   * An instance reported, or its Last Will arrived. Returns what is known of it then: a Last Will was written at connect,
   * and says nothing of the configuration. Undefined for what is ignored: the death of a session that is not the
   * instance's present one. `at` is when it was so (RFC 3339); undefined where nobody knows.
   */
  report(health: Health, at: string | undefined): Health | undefined;
  /** Three keepalives of an instance were missed, or one came again. */
  setSilent(instance: string, isSilent: boolean, at: string): void;
  /** Which contracts the live instances of a service have. */
  liveContracts(service: string): ReadonlyMap<string, string>;
  /** The service of an instance; undefined for one that never reported. */
  serviceOf(instance: string): string | undefined;
  /** Where a service stands; undefined where there is no version of it. `now` is Unix time in milliseconds. */
  summary(service: string, now: number): Convergence | undefined;
  /** Every instance that reported and was not dropped. */
  instances(): readonly InstanceState[];
  /** Drops an instance that is gone for good. */
  forget(instance: string): void;
}

/** What is known of an instance. */
export interface InstanceState {
  /** Where it stands; null where there is no version to run. */
  readonly standing: InstanceStanding | null;
  /** Nothing is heard of it. */
  readonly silent: boolean;
  /**
   * From when on it is in this state and runs this version; null where it was lost while nobody looked on. RFC 3339.
   */
  readonly since: string | null;
  /** What it said last. Of one that was lost `config` is what it ran until then, and left out where nobody knows. */
  readonly health: Health;
}

interface TrackedInstance {
  readonly health: Health;
  readonly isSilent: boolean;
  readonly since: string | null;
}

interface Aim {
  readonly snapshot: Snapshot;
  convergedAt: string | null;
}

/**
 * A tracker that knows no instance yet.
 * @example
 * const tracker = createConvergenceTracker();
 * tracker.target(snapshot);
 * tracker.report(health, new Date().toISOString());
 * tracker.summary('vad', Date.now())?.instances.applied; // 1
 */
export function createConvergenceTracker(): ConvergenceTracker {
  const aims = new Map<string, Aim>();
  const tracked = new Map<string, TrackedInstance>();
  const instancesOf = new Map<string, Set<string>>();

  const trackedOf = (service: string): TrackedInstance[] =>
    [...(instancesOf.get(service) ?? [])].flatMap((instance) => tracked.get(instance) ?? []);

  function follow(instance: string, known: TrackedInstance): void {
    forget(instance);
    tracked.set(instance, known);
    const { service } = known.health;
    instancesOf.set(service, (instancesOf.get(service) ?? new Set()).add(instance));
  }

  function forget(instance: string): void {
    const known = tracked.get(instance);
    tracked.delete(instance);
    if (known) instancesOf.get(known.health.service)?.delete(instance);
  }

  return {
    target(snapshot) {
      aims.set(snapshot.service, { snapshot, convergedAt: null });
    },
    release: (service) => void aims.delete(service),
    report(said, at) {
      const known = tracked.get(said.instance);
      const isLateDeath = said.event === 'lost' && known !== undefined && known.health.session !== said.session;
      if (isLateDeath && known.health.state !== 'offline') return undefined;
      const health = said.event === 'lost' ? withLastConfig(said, known?.health) : said;
      const isAsBefore = known !== undefined && !known.isSilent && standsAlike(known.health, health);
      follow(health.instance, { health, isSilent: false, since: isAsBefore ? known.since : (at ?? null) });
      return health;
    },
    setSilent(instance, isSilent, at) {
      const known = tracked.get(instance);
      if (known && known.isSilent !== isSilent) tracked.set(instance, { ...known, isSilent, since: at });
    },
    liveContracts: (service) =>
      new Map(
        trackedOf(service).flatMap(({ health, isSilent }) =>
          health.contract === undefined || isGone(health, isSilent) ? [] : [[health.instance, health.contract]],
        ),
      ),
    serviceOf: (instance) => tracked.get(instance)?.health.service,
    summary(service, now) {
      const aim = aims.get(service);
      if (!aim) return undefined;
      const standings = trackedOf(service).map((known) => ({
        known,
        standing: standingOf(known, aim.snapshot),
      }));
      const instances = countStandings(standings.map(({ standing }) => standing));
      const isConverged =
        instances.applied > 0 && instances.pending + instances.rejected + instances.restartPending === 0;
      if (!isConverged) aim.convergedAt = null;
      else aim.convergedAt ??= new Date(now).toISOString();
      const { epoch, version, digest, committedAt } = aim.snapshot;
      return {
        service,
        epoch,
        version,
        digest,
        instances,
        stragglers: standings
          .filter(({ standing }) => standing !== 'applied')
          .slice(0, maxStragglers)
          .map(toStraggler),
        since: committedAt,
        convergedAt: aim.convergedAt,
      };
    },
    instances: () =>
      [...tracked.values()].map((known) => {
        const { health, isSilent, since } = known;
        const aim = aims.get(health.service);
        return { standing: aim ? standingOf(known, aim.snapshot) : null, silent: isSilent, since, health };
      }),
    forget,
  };
}

/** A Last Will was written at connect and knows nothing of what was applied since. */
function withLastConfig({ config: _, ...will }: Health, known: Health | undefined): Health {
  return known?.config ? { ...will, config: known.config } : will;
}

/** Of the same service, in the same state, with the same version? */
const standsAlike = (a: Health, b: Health): boolean =>
  a.service === b.service &&
  a.state === b.state &&
  a.config?.epoch === b.config?.epoch &&
  a.config?.version === b.config?.version;

const isGone = (health: Health, isSilent: boolean): boolean => isSilent || health.state === 'offline';

function standingOf({ health, isSilent }: TrackedInstance, target: Snapshot): InstanceStanding {
  if (isGone(health, isSilent)) return 'offline';
  const { config } = health;
  const runs = config?.epoch === target.epoch && config.version === target.version && config.digest === target.digest;
  if (runs) return config.pendingRestart.length > 0 ? 'restartPending' : 'applied';
  const attempt = config?.lastAttempt;
  const isRefused = attempt?.outcome === 'rejected' && !isNewer(target, attempt);
  return isRefused ? 'rejected' : 'pending';
}

function countStandings(standings: readonly InstanceStanding[]): Record<InstanceStanding, number> {
  const counts = { applied: 0, pending: 0, rejected: 0, restartPending: 0, offline: 0 };
  for (const standing of standings) counts[standing] += 1;
  return counts;
}

function toStraggler({ known, standing }: { known: TrackedInstance; standing: InstanceStanding }): Straggler {
  const { instance, config } = known.health;
  const message = standing === 'rejected' ? config?.lastAttempt?.message : undefined;
  return {
    instance,
    standing,
    ...(config?.version !== undefined && { version: config.version }),
    ...(message !== undefined && { message }),
  };
}
