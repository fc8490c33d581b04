import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNewer, judge, type Stamp } from './order.ts';

const a = `sha256:${'a'.repeat(64)}`;
const b = `sha256:${'b'.repeat(64)}`;

describe('judge', () => {
  it('applies the first snapshot, whatever its version', () => {
    expect(judge(undefined, { epoch: 1, version: 7, digest: a })).toEqual({ kind: 'apply' });
  });

  it('applies a newer version even when versions in between are missing', () => {
    expect(judge({ epoch: 1, version: 7, digest: a }, { epoch: 1, version: 9, digest: a })).toEqual({ kind: 'apply' });
  });

  it('applies any version of a newer epoch', () => {
    expect(judge({ epoch: 1, version: 7, digest: a }, { epoch: 2, version: 1, digest: b })).toEqual({ kind: 'apply' });
  });

  it('compares epochs and versions as numbers, not as text', () => {
    expect(judge({ epoch: 9, version: 9, digest: a }, { epoch: 9, version: 10, digest: b })).toEqual({ kind: 'apply' });
    expect(judge({ epoch: 9, version: 9, digest: a }, { epoch: 10, version: 1, digest: b })).toEqual({ kind: 'apply' });
  });

  it('skips an older version as stale', () => {
    const stale = { kind: 'skip', reason: 'stale' };
    expect(judge({ epoch: 1, version: 7, digest: a }, { epoch: 1, version: 6, digest: a })).toEqual(stale);
    expect(judge({ epoch: 2, version: 1, digest: a }, { epoch: 1, version: 99, digest: b })).toEqual(stale);
  });

  it('skips a snapshot that is already applied as a duplicate', () => {
    const duplicate = { kind: 'skip', reason: 'duplicate' };
    expect(judge({ epoch: 1, version: 7, digest: a }, { epoch: 1, version: 7, digest: a })).toEqual(duplicate);
  });

  it('refuses the applied version when it arrives with different content', () => {
    const reused = { kind: 'refuse', reason: 'version_reused' };
    expect(judge({ epoch: 1, version: 7, digest: a }, { epoch: 1, version: 7, digest: b })).toEqual(reused);
  });
});

// Few values, so that ties and neighbours are common.
const stamp: fc.Arbitrary<Stamp> = fc.record({
  epoch: fc.constantFrom(1, 2, 10, 1_770_000_000),
  version: fc.constantFrom(1, 2, 9, 10, Number.MAX_SAFE_INTEGER),
  digest: fc.constantFrom(a, b),
});
const isSamePlace = (x: Stamp, y: Stamp): boolean => x.epoch === y.epoch && x.version === y.version;

describe('Wire-04-Strict-Order: isNewer', () => {
  it('isNewer is irreflexive and asymmetric', () => {
    fc.assert(
      fc.property(stamp, stamp, (x, y) => {
        expect(isNewer(x, x)).toBe(false);
        expect(isNewer(x, y) && isNewer(y, x)).toBe(false);
      }),
    );
  });

  it('isNewer is transitive', () => {
    fc.assert(
      fc.property(stamp, stamp, stamp, (x, y, z) => {
        if (isNewer(x, y) && isNewer(y, z)) expect(isNewer(x, z)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('isNewer is total: of two different stamps, one is newer', () => {
    fc.assert(
      fc.property(stamp, stamp, (x, y) => {
        expect(isNewer(x, y) || isNewer(y, x)).toBe(!isSamePlace(x, y));
      }),
    );
  });
});

describe('Wire-04-Strict-Order: judge', () => {
  it('never applies two stamps alternately, so no pair of messages can cause a loop', () => {
    fc.assert(
      fc.property(stamp, stamp, (x, y) => {
        expect(judge(x, y).kind === 'apply' && judge(y, x).kind === 'apply').toBe(false);
      }),
    );
  });

  it('ends at the newest stamp in whatever order they arrive, unless a version is reused', () => {
    const stamps = fc.uniqueArray(stamp, { minLength: 1, selector: ({ epoch, version }) => `${epoch}/${version}` });
    fc.assert(
      fc.property(stamps, fc.func(fc.nat()), (arrivals, rank) => {
        const shuffled = [...arrivals].sort((x, y) => rank(x) - rank(y));
        expect(applyAll(shuffled)).toEqual(applyAll(arrivals));
      }),
    );
  });
});

function applyAll(arrivals: readonly Stamp[]): Stamp | undefined {
  return arrivals.reduce<Stamp | undefined>(
    (applied, incoming) => (judge(applied, incoming).kind === 'apply' ? incoming : applied),
    undefined,
  );
}
