import { describe, expect, it } from 'vitest';
import { createPrinter } from './output/printer.ts';
import { outcomeLines, problemLines } from './output/result-text.ts';
import { alignColumns } from './output/table.ts';
import { differenceText, printable, settingsOf, valueText } from './output/value-text.ts';

describe('text', () => {
  it('from others can not steer the terminal', () => {
    expect(printable('a\u001b[31mb\u0007\u202e\nc')).toBe('a\ufffd[31mb\ufffd\ufffd\ufffdc');
    expect(valueText('\u001b[31m')).toBe('"\\u001b[31m"');
  });

  it('of a value is one line, cut where it is long', () => {
    expect(valueText({ a: ['b'] })).toBe('{"a":["b"]}');
    expect(valueText('x'.repeat(500))).toHaveLength(101);
    expect(differenceText({ pointer: '/a', after: null })).toBe('(nothing) → null');
    expect(differenceText({ pointer: '/a', before: '*** REDACTED ***', after: 1 })).toBe('*** REDACTED *** → 1');
  });

  it('of a document is its settings; lists and empty sections are settings', () => {
    expect(settingsOf({ a: { b: [1], c: {} }, 'd/e': 2 })).toEqual([
      { pointer: '/a/b', value: [1] },
      { pointer: '/a/c', value: {} },
      { pointer: '/d~1e', value: 2 },
    ]);
  });

  it('in a table has its columns beneath one another and nothing at the end of a line', () => {
    expect(
      alignColumns([
        ['ID', 'STATE', 'NOTE'],
        ['stt-worker', 'ready', ''],
      ]),
    ).toEqual(['ID          STATE  NOTE', 'stt-worker  ready']);
  });

  it('has colour on a terminal only, and not with NO_COLOR', () => {
    const at = (isTTY: boolean, noColor?: string) =>
      createPrinter({
        stdout: { write: () => true, isTTY },
        stderr: { write: () => true },
        isJson: false,
        noColor,
      }).style('red', 'x');
    expect(at(true)).toBe('\u001b[31mx\u001b[39m');
    expect(at(true, '')).toBe('\u001b[31mx\u001b[39m');
    expect(at(true, '1')).toBe('x');
    expect(at(false)).toBe('x');
  });
});

const stamp = { service: 'stt-worker', epoch: 1, version: 4, changed: [], restartRequired: [], warnings: [] };

describe('a result', () => {
  it('says what was applied, what needs a restart and what to mind', () => {
    const result = {
      ...stamp,
      status: 'applied',
      changed: ['/vad/threshold', '/whisper/device'],
      restartRequired: ['/whisper/device'],
      warnings: [{ pointer: '', message: 'nothing was checked' }],
    } as const;
    expect(outcomeLines(result)).toEqual([
      'applied: stt-worker is at version 4',
      '  /vad/threshold',
      '  /whisper/device',
      'restart needed: stt-worker takes /whisper/device over at its next start',
      'warning: nothing was checked',
    ]);
  });

  it('that refuses has every fault, with its place and what was expected, each said once', () => {
    const errors = [
      {
        pointer: '/vad/threshold',
        message: 'must be <= 1',
        expected: 'at most 1',
        received: '1.5',
        file: 'x.yaml',
        line: 3,
      },
      { pointer: '/m', message: 'must be one of "a"', expected: 'one of "a"', received: '"b"', suggestion: 'a' },
      { pointer: '', message: 'breaks it', instance: 'stt-1' },
    ];
    const problem = {
      type: 't',
      title: 'The document would not be valid',
      detail: '3 faults',
      code: 'document_invalid',
      errors,
    } as const;
    expect(problemLines({ ...stamp, status: 'rejected', problem })).toEqual([
      'rejected: The document would not be valid: 3 faults; stt-worker stays at version 4',
      '  x.yaml:3  /vad/threshold',
      '      must be <= 1 (expected at most 1, received 1.5)',
      '  /m',
      '      must be one of "a" (received "b"); did you mean "a"?',
      '  (the whole document) (refused by stt-1)',
      '      breaks it',
    ]);
  });
});
