import { createRandom, type Faults, seedOf } from '@setpoint/testing';

/** One thing that happens at one moment of a run. */
export type Step =
  /** The operator changes the document; `poison`: to one that the services refuse. */
  | { readonly kind: 'change'; readonly poison: boolean }
  /** Somebody else publishes on the snapshot topic. */
  | { readonly kind: 'forge'; readonly how: Forgery }
  | { readonly kind: 'network'; readonly faults: Faults }
  | { readonly kind: 'partition'; readonly who: number }
  | { readonly kind: 'heal'; readonly who: number; readonly how: 'resume' | 'cut' }
  | { readonly kind: 'disconnect'; readonly who: number }
  | { readonly kind: 'broker_down' }
  | { readonly kind: 'broker_up'; readonly keepRetained: boolean }
  /** `kill -9`, and the start of the next process. */
  | { readonly kind: 'kill_authority' }
  | { readonly kind: 'start_authority' }
  | { readonly kind: 'kill_instance'; readonly who: number; readonly keepsCache: boolean }
  | { readonly kind: 'start_instance'; readonly who: number }
  /** `who`: an instance, or the authority after the last one. */
  | { readonly kind: 'clock'; readonly who: number; readonly byMs: number };

export type Forgery = 'garbage' | 'unsigned' | 'foreign_key' | 'half';

export interface Schedule {
  readonly seed: number;
  readonly instances: number;
  readonly steps: readonly (Step & { readonly atMs: number })[];
  /** The last fault is over. */
  readonly endMs: number;
  /**
   * When a last, good change is made: while the last faults are still on, after them, or not at all, so that what was
   * lost on the way has to be found by itself.
   */
  readonly lastChange: 'before' | 'after' | 'none';
}

const hourMs = 3_600_000;

/** What happens in the run of this seed: a pure function of it. */
export function createSchedule(seed: number, lengthMs = 20_000): Schedule {
  const random = createRandom(seedOf(seed, 'schedule'));
  const upTo = (limit: number): number => Math.floor(random() * limit);
  const instances = 1 + upTo(3);
  // Now and then long enough for the beacon to forget what changed.
  const endMs = random() < 0.1 && lengthMs >= 20_000 ? 5 * lengthMs : lengthMs;
  const steps: (Step & { readonly atMs: number })[] = [];
  // What would end later ends with the last fault.
  const add = (atMs: number, step: Step): void => void (atMs <= endMs && steps.push({ atMs, ...step }));

  for (let count = 2 + upTo(10); count > 0; count -= 1) {
    add(upTo(endMs), { kind: 'change', poison: random() < 0.15 });
  }
  for (let count = 1 + upTo(7); count > 0; count -= 1) {
    const atMs = upTo(endMs);
    const lastsMs = 50 + upTo(0.3 * lengthMs);
    const who = upTo(instances);
    switch (upTo(8)) {
      case 0:
        add(atMs, { kind: 'network', faults: createFaults(random, lengthMs) });
        add(atMs + lastsMs, { kind: 'network', faults: {} });
        break;
      case 1: {
        // The authority can be cut off too.
        const cutOff = upTo(instances + 1);
        add(atMs, { kind: 'partition', who: cutOff });
        add(atMs + lastsMs, { kind: 'heal', who: cutOff, how: random() < 0.5 ? 'resume' : 'cut' });
        break;
      }
      case 2:
        add(atMs, { kind: 'broker_down' });
        add(atMs + (random() < 0.3 ? 0 : lastsMs), { kind: 'broker_up', keepRetained: random() < 0.5 });
        break;
      case 3:
        add(atMs, { kind: 'kill_authority' });
        add(atMs + lastsMs, { kind: 'start_authority' });
        break;
      case 4:
        add(atMs, { kind: 'kill_instance', who, keepsCache: random() < 0.7 });
        add(atMs + lastsMs, { kind: 'start_instance', who });
        break;
      case 5:
        add(atMs, { kind: 'clock', who: upTo(instances + 1), byMs: Math.round((random() - 0.5) * 4 * hourMs) });
        break;
      case 6:
        add(atMs, { kind: 'disconnect', who: upTo(instances + 1) });
        break;
      default:
        add(atMs, { kind: 'forge', how: (['garbage', 'unsigned', 'foreign_key', 'half'] as const)[upTo(4)] ?? 'half' });
    }
  }
  steps.push(...staleStarts(steps, createRandom(seedOf(seed, 'stale'))));
  steps.sort((a, b) => a.atMs - b.atMs);
  return { seed, instances, steps, endMs, lastChange: lastChangeOf(steps, random()) };
}

/** A new process that is given an older document than the one before had: what its disk knows has to count. */
function staleStarts(steps: Schedule['steps'], random: () => number): Schedule['steps'] {
  return steps.flatMap((step) =>
    step.kind === 'start_instance' && random() < 0.4
      ? [
          { kind: 'network' as const, faults: { staleRetained: 1 }, atMs: step.atMs - 1 },
          { kind: 'network' as const, faults: {}, atMs: step.atMs + 500 },
        ]
      : [],
  );
}

/** What the services refuse, or what a stranger left on the topic, has to be replaced before they can agree. */
function lastChangeOf(steps: readonly Step[], random: number): Schedule['lastChange'] {
  if (random < 0.4) return 'before';
  const isSpoilt = steps.some((step) => step.kind === 'forge' || (step.kind === 'change' && step.poison));
  return isSpoilt || random < 0.6 ? 'after' : 'none';
}

function createFaults(random: () => number, lengthMs: number): Faults {
  const some = (most: number): number => (random() < 0.5 ? 0 : random() * most);
  return {
    drop: some(0.8),
    overflow: some(0.5),
    cut: some(0.05),
    duplicate: some(0.5),
    delay: some(0.6),
    reorder: some(0.5),
    staleRetained: some(0.5),
    maxDelayMs: 1 + Math.floor(random() * 0.15 * lengthMs),
  };
}
