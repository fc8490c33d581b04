import type { JsonObject, Snapshot } from '@setpoint/protocol';
import { deepFreeze } from '@setpoint/protocol';
import { snapshotOf } from '@setpoint/test-support/samples';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openConfiguration, received } from '../../test/opened-configuration.ts';
import type { ApplyingRecord } from '../last-good/crash-loop-guard.ts';
import { createLiveDocument } from './live-document.ts';
import type { ReceivedSnapshot } from './receive.ts';

/** Both halves are always equal: a reader that sees two different ones has seen half a change. */
const schema = z
  .object({ left: z.number(), right: z.number(), other: z.number().default(0) })
  .refine(({ left, right }) => left === right, 'the halves differ')
  .refine(({ left }) => left >= 0, 'is negative');
type Halves = z.output<typeof schema>;

type Step =
  | { readonly kind: 'publish'; readonly value: number; readonly isHalf: boolean; readonly jump: number }
  | { readonly kind: 'redeliver'; readonly back: number }
  | { readonly kind: 'restart'; readonly isLive: boolean }
  | { readonly kind: 'crash' }
  | { readonly kind: 'new epoch' };

type Fails = 'never' | 'prepare' | 'commit' | 'verify' | 'return';

/** What a value does to a process: handlers know nothing else of it. */
const plan = fc.array(fc.constantFrom<Fails>('never', 'never', 'never', 'prepare', 'commit', 'verify', 'return'), {
  minLength: 6,
  maxLength: 6,
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      value: fc.integer({ min: -1, max: 5 }),
      isHalf: fc.boolean(),
      jump: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('redeliver' as const), back: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), isLive: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'new epoch' as const }) },
);

/** What outlives a process: the last good one, and the mark of what is being applied. */
interface Disk {
  lastGood: ReceivedSnapshot | undefined;
  mark: { version: number; epoch: number; digest: string; tries: number } | undefined;
}

function quarantineOn(disk: Disk, isDead: () => boolean): ApplyingRecord {
  let left = disk.mark;
  const isLeft = ({ epoch, version, digest }: Snapshot): boolean =>
    left?.epoch === epoch && left.version === version && left.digest === digest;
  return {
    open: async () => {},
    holds: (stamp) => isLeft(stamp as Snapshot) && (left?.tries ?? 0) >= 2,
    suspects: (stamp) => isLeft(stamp as Snapshot),
    trust: () => {},
    begin: async ({ epoch, version, digest }) => {
      const tries = left?.digest === digest && left.epoch === epoch && left.version === version ? left.tries : 0;
      disk.mark = { epoch, version, digest, tries: tries + 1 };
    },
    end: async () => {
      if (isDead()) return;
      left = undefined;
      disk.mark = undefined;
    },
  };
}

const seenAsValid = (document: Halves): boolean => schema.safeParse(document).success && Object.isFrozen(document);

/** One process, watched: everything that anybody can see of it is checked, at every step of every handler. */
async function start(disk: Disk, fails: readonly Fails[]) {
  let isDead = false;
  const validated = new Set<string>();
  const opened = openConfiguration(schema, {
    applyTimeoutMs: 100,
    applyingRecord: quarantineOn(disk, () => isDead),
    remember: async (each) => {
      if (!isDead) disk.lastGood = each;
    },
  });
  const { configuration } = opened;
  const document = createLiveDocument(configuration);
  const seen: { epoch: number; version: number; isReturn: boolean }[] = [];
  const look = (): void => {
    const { current, stamp } = document;
    if (current !== undefined) expect(seenAsValid(current)).toBe(true);
    if (stamp) validated.add(`${stamp.epoch}.${stamp.version}`);
  };
  const failsAt = (value: number): Fails => fails[value] ?? 'never';
  let last: Halves | undefined;
  document.onChange({
    prepare: ({ current, isReturn, previous }) => {
      look();
      expect(document.current).toBe(previous);
      if (!isReturn && failsAt(current.left) === 'prepare') throw new Error('prepare');
      if (isReturn && failsAt(previous.left) === 'return') throw new Error('no way back');
    },
    commit: async ({ current, isReturn }) => {
      look();
      expect(document.current).toBe(current);
      await Promise.resolve();
      if (!isReturn && failsAt(current.left) === 'commit') throw new Error('commit');
      last = current;
    },
    revert: ({ previous }) => {
      look();
      expect(document.current).toBe(previous);
      last = previous;
    },
    verify: ({ current, isReturn }) => {
      look();
      expect(isReturn).toBe(false);
      return failsAt(current.left) !== 'verify' && failsAt(current.left) !== 'return';
    },
  });
  // A place is told of its own changes alone, with its own value.
  document.on('/left', ({ value, previousValue, current }) => {
    expect(value).toBe(current.left);
    expect(value).not.toBe(previousValue);
  });
  document.on('/other', () => {
    throw new Error('nothing changes there');
  });
  document.onChange(({ version, isReturn }) => {
    seen.push({ epoch: document.stamp?.epoch ?? 0, version, isReturn });
  });
  if (disk.lastGood) configuration.setFloor(disk.lastGood.snapshot);
  const idle = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) await new Promise(setImmediate);
    look();
  };
  return {
    configuration,
    document,
    seen,
    idle,
    offer: async (snapshot: Snapshot): Promise<void> => {
      opened.offer(snapshot);
      await idle();
      // Those who follow and those who read agree, whenever nothing is under way.
      if (last) expect(last).toEqual(document.current);
    },
    die: (): void => {
      isDead = true;
    },
  };
}

describe('random deliveries, handlers, probes and crashes', () => {
  it('no reader sees an invalid or half document, and versions only go back by a failed trial', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), plan, async (steps, fails) => {
        const disk: Disk = { lastGood: undefined, mark: undefined };
        const history: Snapshot[] = [];
        let epoch = 7;
        let version = 0;
        let running = await start(disk, fails);
        for (const each of steps) {
          const before = running.document.stamp;
          switch (each.kind) {
            case 'publish': {
              version += each.jump;
              const values: JsonObject = {
                left: each.value,
                right: each.isHalf ? each.value + 1 : each.value,
                other: 0,
              };
              const snapshot = snapshotOf(version, values, { epoch });
              history.push(snapshot);
              await running.offer(snapshot);
              break;
            }
            case 'redeliver': {
              const old = history.at(-1 - each.back);
              if (old) await running.offer(old);
              break;
            }
            case 'new epoch':
              epoch += 1;
              version = 0;
              break;
            default: {
              const wasGood = disk.lastGood?.snapshot;
              if (each.kind === 'crash') running.die();
              await running.configuration.stop();
              running = await start(disk, fails);
              const live = history.at(-1);
              if (each.kind === 'restart' && each.isLive && live) await running.offer(live);
              if (!running.document.current && disk.lastGood) {
                await running.configuration.takeCached(received(disk.lastGood.snapshot));
              }
              await running.idle();
              // What the disk has is never given up for an older one, unless two died of it.
              const isHeld = wasGood?.version === disk.mark?.version && (disk.mark?.tries ?? 0) >= 2;
              if (wasGood && !isHeld) expect(isBefore(running.document.stamp, wasGood)).toBe(false);
              continue;
            }
          }
          const after = running.document.stamp;
          if (before) expect(isBefore(after, before)).toBe(false);
          const { source, version: reported } = running.configuration.report();
          expect(reported ?? 0).toBe(after?.version ?? 0);
          expect(source === 'none').toBe(running.document.current === undefined);
        }
        for (const [index, { epoch: here, version: now, isReturn }] of running.seen.entries()) {
          const previous = running.seen[index - 1];
          if (previous && previous.epoch === here && now < previous.version) expect(isReturn).toBe(true);
        }
        await running.configuration.stop();
      }),
      { numRuns: 300 },
    );
  });

  it('the model tells half a document from a whole one', () => {
    expect(seenAsValid(deepFreeze({ left: 1, right: 1, other: 0 }))).toBe(true);
    expect(seenAsValid(deepFreeze({ left: 1, right: 2, other: 0 }))).toBe(false);
    expect(seenAsValid({ left: 1, right: 1, other: 0 })).toBe(false);
  });
});

const isBefore = (
  a: { readonly epoch: number; readonly version: number } | undefined,
  b: { readonly epoch: number; readonly version: number },
): boolean => !a || a.epoch < b.epoch || (a.epoch === b.epoch && a.version < b.version);
