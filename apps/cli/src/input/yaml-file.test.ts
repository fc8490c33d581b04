import { describe, expect, it } from 'vitest';
import { parseDocumentFile } from './yaml-file.ts';

describe('a file', () => {
  it('is a document that knows its lines', () => {
    const parsed = parseDocumentFile('# comment\nvad:\n  threshold: 0.5\nwords:\n  - a\n  - b: 1\n', 'x.yaml');
    if ('faults' in parsed) throw new Error('refused');
    expect(parsed.document).toEqual({ vad: { threshold: 0.5 }, words: ['a', { b: 1 }] });
    expect(['/vad/threshold', '/words/1/b', '/vad/missing', '/nowhere', ''].map((at) => parsed.lineOf(at))).toEqual([
      3,
      6,
      2,
      undefined,
      undefined,
    ]);
  });

  it('that is no YAML has every fault with its line', () => {
    expect(parseDocumentFile('a: 1\na: 2\nb: [', 'x.yaml')).toMatchObject({
      faults: [
        { file: 'x.yaml', line: 2 },
        { file: 'x.yaml', line: 3 },
      ],
    });
  });

  it('that is a list, or not JSON, is refused', () => {
    expect(parseDocumentFile('- a', 'x.yaml')).toMatchObject({
      faults: [{ message: 'must be a mapping of settings at the top' }],
    });
    expect(parseDocumentFile('a: .inf', 'x.yaml')).toMatchObject({ faults: [{ line: 1 }] });
  });

  it('that is empty is an empty document', () => {
    expect(parseDocumentFile('', 'x.yaml')).toMatchObject({ document: {} });
  });
});
