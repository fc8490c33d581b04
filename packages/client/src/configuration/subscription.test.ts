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
  it("the type of a place is the schema's type there", () => {
    expectTypeOf<ValueAt<Service, '/vad/threshold'>>().toEqualTypeOf<number>();
    expectTypeOf<ValueAt<Service, '/vad'>>().toEqualTypeOf<Service['vad']>();
    expectTypeOf<ValueAt<Service, ''>>().toEqualTypeOf<Service>();
  });

  it('the type of a place below an optional member, or in a list, includes undefined', () => {
    expectTypeOf<ValueAt<Service, '/vad/model/path'>>().toEqualTypeOf<string | undefined>();
    expectTypeOf<ValueAt<Service, '/languages/0'>>().toEqualTypeOf<string | undefined>();
  });

  it("the type of a place is unknown when the pointer's type cannot say it", () => {
    expectTypeOf<ValueAt<Service, '/vad/other'>>().toBeUnknown();
    expectTypeOf<ValueAt<Service, string>>().toBeUnknown();
  });
});

describe('a subscription to a place', () => {
  it('a subscription passes the new and the previous value to a function', () => {
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

  it('a subscription passes both values and the signal to every step, called on the handler itself', () => {
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

  it('a subscription has no step that its handler does not have', () => {
    const { handler } = subscribeTo<Service, '/vad'>('/vad', { commit: () => {} });
    expect(Object.keys(handler)).toEqual(['commit']);
  });

  it('a subscription is refused for a wrong pointer and for times that no timer can wait', () => {
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
  ])('a subscription is refused for %s', (_, handler, message) => {
    for (const subscribe of [() => subscribeAll(handler as never), () => subscribeTo('/a', handler as never)]) {
      expect(subscribe).toThrow(
        expect.objectContaining({ code: 'options_invalid', message: expect.stringMatching(message) }),
      );
    }
  });
});

describe('changes that touch a place', () => {
  const before = { vad: { threshold: 0.5 }, list: [1, 2], empty: {} };
  it.each([
    ['by a change of it', '/vad/threshold', ['/vad/threshold'], { ...before, vad: { threshold: 0.6 } }, true],
    ['by a change within it', '/vad', ['/vad/threshold'], { ...before, vad: { threshold: 0.6 } }, true],
    ['by no change that the schema ignores', '/vad', ['/vad/threshold'], before, false],
    ['by a change elsewhere from which the schema derives it', '/vad', ['/x'], { ...before, vad: 1 }, true],
    ['by every change if it is the whole document', '', ['/list'], before, true],
    ['by no change beside it', '/vad', ['/list'], before, false],
    ['by no change of a place whose name begins with its name', '/va', ['/vad'], before, false],
    ['by a list whose item there differs', '/list/1', ['/list'], { ...before, list: [1, 3] }, true],
    ['by no list whose item there is the same', '/list/0', ['/list'], { ...before, list: [1, 3] }, false],
    ['by its parent being removed', '/vad/threshold', ['/vad'], { list: [1, 2], empty: {} }, true],
    ['by no parent that is added without it', '/empty/x/y', ['/empty'], { ...before, empty: [] }, false],
  ])('a place is touched %s', (_, pointer, changed, after, expected) => {
    expect(isTouched(pointer, changed, before, after)).toBe(expected);
  });

  it('a place is touched by a published change when its value cannot be compared', () => {
    class Matcher {}
    const [one, two] = [{ vad: { of: new Matcher() } }, { vad: { of: new Matcher() } }];
    expect(isTouched('/vad', ['/vad/pattern'], one, two)).toBe(true);
    expect(isTouched('/vad', ['/other'], one, two)).toBe(false);
  });

  it('a place is touched exactly when its value differs, whatever changes', async () => {
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
