import { describe, expect, it } from 'vitest';
import { createAheadWatch } from './ahead-of-authority.ts';

const beat = (version?: number) => ({
  instance: 'config-authority',
  session: 's',
  sequence: 0,
  intervalMs: 5000,
  recent: version === undefined ? { asr: { epoch: 1, version: 1 } } : { vad: { epoch: 7, version } },
});
const applied = { epoch: 7, version: 3 };

describe('what runs is newer than what the authority has', () => {
  it('where two signs of life in a row say so, and is told once', () => {
    const watch = createAheadWatch('vad');
    expect([watch.hear(beat(2), applied), watch.hear(beat(2), applied), watch.hear(beat(2), applied)]).toEqual([
      undefined,
      { epoch: 7, version: 2 },
      undefined,
    ]);
  });

  it('not where one was overtaken by the version, and not where the service is not named or nothing runs', () => {
    const watch = createAheadWatch('vad');
    for (const version of [2, 3, 2, 4]) expect(watch.hear(beat(version), applied)).toBeUndefined();
    for (const running of [applied, undefined]) expect(watch.hear(beat(), running)).toBeUndefined();
    for (let round = 0; round < 3; round++) expect(watch.hear(beat(2), undefined)).toBeUndefined();
  });

  it('again after it was over', () => {
    const watch = createAheadWatch('vad');
    const heard = [2, 2, 3, 1, 1].map((version) => watch.hear(beat(version), applied)?.version);
    expect(heard).toEqual([undefined, 2, undefined, undefined, 1]);
  });
});
