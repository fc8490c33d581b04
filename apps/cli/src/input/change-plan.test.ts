import { describe, expect, it } from 'vitest';
import type { Assignment } from './assignment.ts';
import { needsDocument, planChange } from './change-plan.ts';

const document = {
  vad: { threshold: 0.5 },
  words: ['a', 'b'],
  rules: [{ heard: 'x', written: 'y' }],
  ports: { 80: 'http' },
};
const plan = (...settings: [string, Assignment['value']][]) =>
  planChange(
    settings.map(([pointer, value]) => ({ pointer, value })),
    document,
  );

describe('a change', () => {
  it.each([
    ['/vad/threshold', 0.6, false],
    ['/vad/threshold', null, true],
    ['/words/0', 'c', true],
    ['/words/-', 'c', true],
  ])('at %s to %j needs the document first: %s', (pointer, value, isNeeded) => {
    expect(needsDocument([{ pointer, value }])).toBe(isNeeded);
  });

  it('is a merge where a merge can say it', () => {
    expect(plan(['/vad/threshold', 0.6], ['/ports/80', 'https'])).toEqual({
      operation: { op: 'merge', patch: { vad: { threshold: 0.6 }, ports: { 80: 'https' } } },
      isBoundToDocument: false,
    });
  });

  it('to null is a patch, because in a merge null takes the value away', () => {
    expect(plan(['/vad/threshold', null], ['/vad/on', true])).toEqual({
      operation: {
        op: 'patch',
        patch: [
          { op: 'add', path: '/vad/threshold', value: null },
          { op: 'add', path: '/vad/on', value: true },
        ],
      },
      isBoundToDocument: false,
    });
  });

  it('of items is a patch of the document that was read', () => {
    expect(plan(['/words/1', 'c'], ['/words/-', 'd'], ['/words/-', 'e'], ['/rules/0/written', 'z'])).toEqual({
      operation: {
        op: 'patch',
        patch: [
          { op: 'replace', path: '/words/1', value: 'c' },
          { op: 'add', path: '/words/-', value: 'd' },
          { op: 'add', path: '/words/-', value: 'e' },
          { op: 'add', path: '/rules/0/written', value: 'z' },
        ],
      },
      isBoundToDocument: true,
    });
  });

  it('makes the sections that are missing, once', () => {
    expect(plan(['/new/deep/a', null], ['/new/deep/b', 1], ['/vad/threshold/x', 2])).toMatchObject({
      operation: {
        patch: [
          { op: 'add', path: '/new', value: { deep: { a: null } } },
          { op: 'add', path: '/new/deep/b', value: 1 },
          { op: 'add', path: '/vad/threshold', value: { x: 2 } },
        ],
      },
    });
  });

  it.each([['/words/3'], ['/words/first'], ['/words/01'], ['/rules/7/written']])(
    'of %s, no item, is refused',
    (pointer) => {
      expect(() => plan([pointer, 'x'])).toThrow(expect.objectContaining({ exitCode: 64 }));
      expect(() => plan([pointer, 'x'])).toThrow('is no item: the list has the items 0 to');
    },
  );
});
