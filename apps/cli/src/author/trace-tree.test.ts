import type { ConfigReport, Explanation } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import type { Standing } from '../output/fleet-status.ts';
import { createTrace, type Process, type TraceSources, traceLines } from './trace-tree.ts';

const explanation: Explanation = {
  pointer: '/vad/threshold',
  layer: 'runtime_update',
  value: 0.7,
  author: 'ada',
  version: 7,
  reason: 'noisy\nroom',
  hot: true,
  secret: false,
  description: 'How sure.',
  beneath: [
    { layer: 'yaml_file', value: 0.6, file: 'stt.yaml', line: 3 },
    { layer: 'default', value: 0.5 },
  ],
};

const standing = (id: string, version: number | null, rest: Partial<Standing> = {}): Standing => ({
  id,
  service: 'stt',
  state: 'ready',
  ok: true,
  version,
  source: 'live',
  since: '2026-06-01T00:00:00.000Z',
  startedAt: '2026-06-01T00:00:00.000Z',
  note: null,
  ...rest,
});

const processOf = (of: Standing, report: Partial<ConfigReport> = {}): Process => ({
  standing: of,
  report: { source: 'live', epoch: 2, pendingRestart: [], masked: [], ...report },
});

const sources: TraceSources = {
  service: 'stt',
  explanation,
  blame: [
    { pointer: '/vad', version: 1, author: 'bob', reason: '', committedAt: '2026-06-01T00:00:00.000Z' },
    { pointer: '/vad/threshold', version: 7, author: 'ada', reason: 'noisy', committedAt: 'then' },
  ],
  published: { version: 9, author: 'bob', committedAt: 'then' },
  processes: [
    processOf(standing('stt-1', 9)),
    processOf(standing('stt-2', 6, { state: 'stale', note: 'no sign of life' })),
    processOf(standing('stt-3', null)),
    processOf(standing('stt-4', 9), { epoch: 1 }),
    processOf(standing('stt-5', 9), { pendingRestart: ['/vad'] }),
    processOf(standing('stt-6', 9), { masked: ['/vad/threshold'] }),
    { standing: standing('stt-7', 8, { state: 'offline', note: 'lost' }), report: undefined },
    { standing: standing('stt-8', null, { state: 'offline', note: 'lost' }), report: undefined },
    processOf(standing('tts-1', 9, { service: 'tts' })),
  ],
  valueAt: (version, epoch) => (version === 9 && epoch === 2 ? 0.7 : undefined),
};

describe('a trace', () => {
  it('is a tree from the layers to the instances of the service', () => {
    expect(traceLines(createTrace(sources))).toEqual([
      'stt /vad/threshold = 0.7 (live)',
      '├─ comes from',
      '│  ├─ runtime_update: 0.7, by ada, version 7, "noisy\\nroom"',
      '│  ├─ yaml_file: 0.6, stt.yaml:3 (hidden)',
      '│  └─ default: 0.5 (hidden)',
      '├─ last changed',
      '│  └─ version 7 by ada, then, "noisy"',
      '├─ published',
      '│  └─ version 9 by bob, then',
      '└─ runs',
      '   ├─ stt-1 (ready), version 9: 0.7',
      '   ├─ stt-2 (stale), version 6; no sign of life',
      '   ├─ stt-3 (ready), no configuration',
      '   ├─ stt-4 (ready), version 9',
      '   ├─ stt-5 (ready), version 9; takes it over at its next start',
      '   ├─ stt-6 (ready), version 9; has its own value',
      '   ├─ stt-7 (offline), version 8; lost',
      '   └─ stt-8 (offline), nobody knows what it ran; lost',
    ]);
  });

  it('says what is not known', () => {
    const lines = traceLines(createTrace({ ...sources, blame: [], published: undefined, processes: [] }));
    expect(lines.slice(-6)).toEqual([
      '├─ last changed',
      '│  └─ never since its history begins',
      '├─ published',
      '│  └─ not at all',
      '└─ runs',
      '   └─ nowhere that anybody knows of',
    ]);
  });

  it('blames whoever changed what it lies in', () => {
    const inList = { ...explanation, pointer: '/vad/words/0' };
    expect(createTrace({ ...sources, explanation: inList }).changed).toEqual({
      version: 1,
      author: 'bob',
      reason: '',
      committedAt: '2026-06-01T00:00:00.000Z',
    });
  });
});
