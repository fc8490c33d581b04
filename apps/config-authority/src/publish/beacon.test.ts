import { expect, it } from 'vitest';
import { createBeacon } from './beacon.ts';

const at = (version: number) => ({ epoch: 7, version, digest: `sha256:${'0'.repeat(64)}` });

it('the beacon names where each service stands that changed in the last minute, the newest first', () => {
  let now = 0;
  let commits = 0;
  const beacon = createBeacon(
    () => commits,
    () => now,
  );
  expect(beacon.read()).toEqual({ recent: {}, commit: 0 });
  beacon.changed('vad', at(1));
  beacon.changed('asr', at(5));
  commits = 2;
  now = 30_000;
  beacon.changed('vad', at(2));
  expect(beacon.read()).toEqual({
    recent: { vad: { epoch: 7, version: 2 }, asr: { epoch: 7, version: 5 } },
    commit: 2,
  });
  expect(Object.keys(beacon.read().recent ?? {})).toEqual(['vad', 'asr']);
  now = 60_000;
  expect(Object.keys(beacon.read().recent ?? {})).toEqual(['vad', 'asr']);
  now = 60_001;
  expect(Object.keys(beacon.read().recent ?? {})).toEqual(['vad']);
  now = 90_001;
  expect(beacon.read()).toEqual({ recent: {}, commit: 2 });
});

it('the beacon names at most the two hundred newest', () => {
  const beacon = createBeacon(
    () => 250,
    () => 0,
  );
  for (let service = 0; service < 250; service++) beacon.changed(`service-${service}`, at(1));
  const names = Object.keys(beacon.read().recent ?? {});
  expect(names).toHaveLength(200);
  expect([names[0], names[199]]).toEqual(['service-249', 'service-50']);
});
