import { describe, expect, it } from 'vitest';
import { isSecretIn } from '../schema/redact.ts';
import { compileSchema } from '../schema/schema.ts';
import { type Searchable, search } from './search.ts';

const { shape } = compileSchema({
  properties: {
    vad: { properties: { threshold: { type: 'number', description: 'How sure it must be to hear speech' } } },
  },
});
const stt: Searchable = {
  service: 'stt',
  values: { vad: { threshold: 0.5, thresholds: [1, 2] }, model: 'Tiny', speech: {}, key: 'threshold-hunter2' },
  isSecret: isSecretIn(['/key']),
  shapes: [shape],
};
const tts: Searchable = { service: 'tts', values: { threshold: 1 }, isSecret: () => false, shapes: [] };

const found = (text: string, limit = 50): [string, string, number][] =>
  search([tts, stt], text, limit).map(({ service, pointer, score }) => [service, pointer, score]);

describe('a search', () => {
  it('scores what is the text, begins with it, holds it, or is described by it; best first', () => {
    expect(found('threshold')).toEqual([
      ['stt', '/vad/threshold', 1],
      ['tts', '/threshold', 1],
      ['stt', '/vad/thresholds', 0.8],
    ]);
    expect(found('resh')).toEqual([
      ['stt', '/vad/threshold', 0.6],
      ['stt', '/vad/thresholds', 0.6],
      ['tts', '/threshold', 0.6],
    ]);
    expect(found('speech')).toEqual([
      ['stt', '/speech', 1],
      ['stt', '/vad/threshold', 0.3],
    ]);
  });

  it('finds values, items of lists and pointers, in upper and lower case', () => {
    expect(found('tiny')).toEqual([['stt', '/model', 1]]);
    expect(found('0.5')).toEqual([['stt', '/vad/threshold', 1]]);
    expect(found('2')).toEqual([['stt', '/vad/thresholds', 1]]);
    expect(found('/VAD/')).toEqual([
      ['stt', '/vad/threshold', 0.8],
      ['stt', '/vad/thresholds', 0.8],
    ]);
    expect(found('nothing')).toEqual([]);
  });

  it('gives as many as are asked for', () => {
    expect(found('threshold', 1)).toEqual([['stt', '/vad/threshold', 1]]);
  });

  it('neither finds nor shows a secret value, and says what a setting is for', () => {
    expect(found('hunter2')).toEqual([]);
    expect(search([stt], 'key', 1)).toEqual([{ service: 'stt', pointer: '/key', value: '*** REDACTED ***', score: 1 }]);
    expect(search([stt], '0.5', 1)[0]?.description).toBe('How sure it must be to hear speech');
  });
});
