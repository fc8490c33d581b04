import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Change, HandlerContext } from '../transaction/handler-step.ts';
import { LazySignal } from '../transaction/handler-step.ts';
import { isTouched, subscribeAll, subscribeTo, type ValueAt } from './subscription.ts';

interface Service {
  readonly vad: { readonly threshold: number; readonly model?: { readonly path: string } };
  readonly languages: readonly string[];
}

const change: Change<Service> = {
  current: { vad: { threshold: 0.6 }, languages: ['en', 'de'] },
  previous: { vad: { threshold: 0.5, model: { path: 'a' } }, languages: ['en'] },
  changed: ['/vad/threshold', '/vad/model', '/languages'],
  restartRequired: [],
  version: 2,
  previousVersion: 1,
  isReturn: false,
};
const context: HandlerContext = new LazySignal();

describe('the type of a place', () => {
  it('is what the schema has there', () => {
    expectTypeOf<ValueAt<Service, '/vad/threshold'>>().toEqualTypeOf<number>();
    expectTypeOf<ValueAt<Service, '/vad'>>().toEqualTypeOf<Service['vad']>();
    expectTypeOf<ValueAt<Service, ''>>().toEqualTypeOf<Service>();
  });

  it('may be undefined below what may be missing, and in a list', () => {
    expectTypeOf<ValueAt<Service, '/vad/model/path'>>().toEqualTypeOf<string | undefined>();
    expectTypeOf<ValueAt<Service, '/languages/0'>>().toEqualTypeOf<string | undefined>();
  });

  it('is unknown where the type can not say it', () => {
    expectTypeOf<ValueAt<Service, '/vad/other'>>().toBeUnknown();
    expectTypeOf<ValueAt<Service, string>>().toBeUnknown();
  });
});

describe('a subscription to a place', () => {
  it('hands its value, and the one before, to a function', () => {
    const seen: unknown[] = [];
    const { pointer, handler } = subscribeTo<Service, '/vad/threshold'>(
      '/vad/threshold',
      ({ value, previousValue, version }) => {
        expectTypeOf(value).toBeNumber();
        seen.push(value, previousValue, version);
      },
    );
    handler.commit(change, context);
    expect(seen).toEqual([0.6, 0.5, 2]);
    expect(pointer).toBe('/vad/threshold');
  });

  it('hands them to every step of an object, with the signal, and keeps what it is', () => {
    const seen: unknown[] = [];
    const note =
      (step: string) =>
      (each: { value: unknown }, { signal }: HandlerContext): void =>
        void seen.push([step, each.value, signal.aborted]);
    const { handler } = subscribeTo<Service, '/languages/1'>('/languages/1', {
      prepare: note('prepare'),
      commit: note('commit'),
      revert: note('revert'),
      verify: note('verify'),
      soakMs: 5,
      timeoutMs: 7,
    });
    handler.prepare?.(change, context);
    handler.commit(change, context);
    handler.revert?.(change, context);
    handler.verify?.(change, context);
    expect(seen).toEqual(['prepare', 'commit', 'revert', 'verify'].map((step) => [step, 'de', false]));
    expect([handler.soakMs, handler.timeoutMs]).toEqual([5, 7]);
  });

  it('has no step that its handler has not: going back would call what is not there', () => {
    const { handler } = subscribeTo<Service, '/vad'>('/vad', { commit: () => {} });
    expect(Object.keys(handler)).toEqual(['commit']);
  });

  it('is refused for what is no JSON Pointer, and for times that no timer keeps', () => {
    expect(() => subscribeTo<Service, 'vad'>('vad', () => {})).toThrow(/"vad" is not a JSON Pointer/);
    const commit = (): void => {};
    expect(() => subscribeAll<Service>({ commit, verify: commit, soakMs: 86_400_001 })).toThrow(
      'a handler has soakMs 86400001 and timeoutMs 1; soakMs is 0 to 86400000, timeoutMs 1 to 86400000',
    );
    expect(() => subscribeAll<Service>({ commit, timeoutMs: 0 })).toThrow(/options_invalid|timeoutMs 0/);
    expect(() => subscribeTo<Service, ''>('', { commit, soakMs: -1 })).toThrow(/soakMs -1/);
  });

  it.each<[string, unknown, RegExp]>([
    ['a number', 5, /a function, or an object with a function "commit"/],
    ['nothing', undefined, /a function, or an object/],
    ['an object without commit', {}, /a function, or an object/],
    ['a commit that is none', { commit: 5 }, /a function, or an object/],
    ['a prepare that is none', { commit: () => {}, prepare: true }, /a "prepare" that is no function/],
    ['a soak time that nobody looks at', { commit: () => {}, soakMs: 5 }, /soakMs and no verify/],
    ['a time that is no number', { commit: () => {}, timeoutMs: '5' }, /timeoutMs 5/],
  ])('is refused for %s', (_, handler, message) => {
    for (const subscribe of [() => subscribeAll(handler as never), () => subscribeTo('/a', handler as never)]) {
      expect(subscribe).toThrow(
        expect.objectContaining({ code: 'options_invalid', message: expect.stringMatching(message) }),
      );
    }
  });
});

describe('a place is touched', () => {
  const before = { vad: { threshold: 0.5 }, list: [1, 2], empty: {} };
  it.each([
    ['by a change of it', '/vad/threshold', ['/vad/threshold'], { ...before, vad: { threshold: 0.6 } }, true],
    ['by a change within it', '/vad', ['/vad/threshold'], { ...before, vad: { threshold: 0.6 } }, true],
    ['by no change that the schema makes nothing of', '/vad', ['/vad/threshold'], before, false],
    ['by a change elsewhere that the schema makes one of it', '/vad', ['/x'], { ...before, vad: 1 }, true],
    ['by every change, where it is the document', '', ['/list'], before, true],
    ['by no change beside it', '/vad', ['/list'], before, false],
    ['by no change of what only begins like it', '/va', ['/vad'], before, false],
    ['by a list that has another item there', '/list/1', ['/list'], { ...before, list: [1, 3] }, true],
    ['by no list that has the same item there', '/list/0', ['/list'], { ...before, list: [1, 3] }, false],
    ['by a parent that goes', '/vad/threshold', ['/vad'], { list: [1, 2], empty: {} }, true],
    ['by no parent that comes without it', '/empty/x/y', ['/empty'], { ...before, empty: [] }, false],
  ])('%s', (_, pointer, changed, after, expected) => {
    expect(isTouched(pointer, changed, before, after)).toBe(expected);
  });

  it('where something was published there, where its value can not be compared', () => {
    class Matcher {}
    const [one, two] = [{ vad: { of: new Matcher() } }, { vad: { of: new Matcher() } }];
    expect(isTouched('/vad', ['/vad/pattern'], one, two)).toBe(true);
    expect(isTouched('/vad', ['/other'], one, two)).toBe(false);
  });

  it('exactly where its value is another one, whatever changes', async () => {
    const { changedPointers, isEqualJson, readPointer } = await import('@setpoint/protocol');
    const name = fc.constantFrom('a', 'b');
    const plain = { noNullPrototype: true };
    const document = fc.dictionary(
      name,
      fc.oneof(fc.nat(2), fc.array(fc.nat(2), { maxLength: 2 }), fc.dictionary(name, fc.nat(2), plain)),
      plain,
    );
    const pointer = fc.constantFrom('', '/a', '/b', '/a/a', '/a/0', '/b/b', '/a/b/a');
    fc.assert(
      fc.property(document, document, pointer, (one, two, place) => {
        const isAnother = !isEqualJson(readPointer(one, place), readPointer(two, place));
        expect(isTouched(place, changedPointers(one, two), one, two)).toBe(isAnother);
      }),
    );
  });
});
