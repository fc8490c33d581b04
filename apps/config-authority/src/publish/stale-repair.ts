import type { VersionRecord } from '@setpoint/engine';
import { type Health, isNewer } from '@setpoint/protocol';

/** Notices instances that the broker has given another snapshot than the one there is. */
export interface StaleRepair {
  /** A version was made, and is on its way from now on. */
  changed(service: string): void;
  hear(health: Health): void;
  stop(): void;
}

export interface StaleRepairOptions {
  /** The present version of a service; undefined where there is none. */
  readonly latest: (service: string) => VersionRecord | undefined;
  /** Publishes it again. */
  readonly reassert: (record: VersionRecord) => void;
}

/** A version is on its way for so long: what is said until then may be of before. Milliseconds. */
const settleMs = 3000;
/** Pauses grow up to this: an instance that can't read any snapshot must not make a storm. Milliseconds. */
const maxPauseMs = 60_000;

interface Pause {
  /** By the clock that does not jump. */
  readonly untilMs: number;
  readonly lengthMs: number;
}

/**
 * A broker may keep an older retained message, or a stranger's, and the beacon names only what changed lately: who
 * starts later can't know. What it says of itself does: the newest version that it has seen, or that it could not read
 * what it got. What is said too early is looked at again when the pause is over.
 */
export function createStaleRepair({ latest, reassert }: StaleRepairOptions): StaleRepair {
  const pauses = new Map<string, Pause>();
  /** Per service: what was said in a pause by whom, and the timer that ends the pause. */
  const suspects = new Map<string, { readonly said: Map<string, Health>; readonly timer: NodeJS.Timeout }>();

  function staleRecord({ service, state, config, error }: Health): VersionRecord | undefined {
    const record = latest(service);
    if (!record || record.deleted || state === 'offline') return undefined;
    const seen = config?.observed;
    const isStale = (seen !== undefined && isNewer(record.snapshot, seen)) || error?.code === 'snapshot_refused';
    return isStale ? record : undefined;
  }

  function suspect(health: Health, pauseMs: number): void {
    const { service, instance } = health;
    const waiting = suspects.get(service) ?? {
      said: new Map<string, Health>(),
      timer: setTimeout(() => lookAgain(service), Math.ceil(pauseMs)).unref(),
    };
    suspects.set(service, waiting);
    waiting.said.set(instance, health);
  }

  function lookAgain(service: string): void {
    const waiting = suspects.get(service);
    suspects.delete(service);
    clearTimeout(waiting?.timer);
    for (const health of waiting?.said.values() ?? []) repair.hear(health);
  }

  const repair: StaleRepair = {
    changed(service) {
      pauses.set(service, { untilMs: performance.now() + settleMs, lengthMs: settleMs });
      lookAgain(service);
    },
    hear(health) {
      const { service, instance } = health;
      const record = staleRecord(health);
      if (!record) return void suspects.get(service)?.said.delete(instance);
      const nowMs = performance.now();
      const { untilMs, lengthMs } = pauses.get(service) ?? { untilMs: nowMs, lengthMs: settleMs };
      if (nowMs < untilMs) return suspect(health, untilMs - nowMs);
      pauses.set(service, { untilMs: nowMs + lengthMs, lengthMs: Math.min(2 * lengthMs, maxPauseMs) });
      reassert(record);
    },
    stop() {
      for (const { timer } of suspects.values()) clearTimeout(timer);
      suspects.clear();
    },
  };
  return repair;
}
