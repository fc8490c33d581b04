import { SetpointError } from '@setpoint/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChangeRefused } from './handler-error.ts';
import type { Change, ChangeHandler, HandlerContext, Subscriber } from './handler-step.ts';
import { applyChange, type TransactionOptions } from './transaction.ts';

const change: Change<string> = {
  current: 'new',
  previous: 'old',
  changed: ['/a', '/b'],
  restartRequired: [],
  version: 2,
  previousVersion: 1,
  isReturn: false,
};

type Options = Partial<TransactionOptions<string>> & Pick<TransactionOptions<string>, 'timeoutMs'>;

const followersOf = (...handlers: ChangeHandler<string>[]): Set<Subscriber<string>> =>
  new Set(handlers.map((handler) => ({ pointer: '/a', handler })));

/** Carries a change through handlers that follow one place. */
const carry = (handlers: readonly ChangeHandler<string>[], each: Change<string>, options: Options) =>
  applyChange(followersOf(...handlers), each, {
    concerns: () => true,
    swap: () => {},
    onRevertFailed: () => {},
    onLate: () => {},
    ...options,
  });

/** Runs a change and writes down every step; `fails` names the steps that throw. */
async function run(
  make: (name: string, step: (what: string) => (seen: Change<string>) => void) => ChangeHandler<string>,
  fails: readonly string[],
): Promise<{ steps: string[]; error: SetpointError | undefined; revertFaults: string[] }> {
  const steps: string[] = [];
  const revertFaults: string[] = [];
  const note = (text: string): void => {
    steps.push(text);
    if (fails.includes(text)) throw new Error(`${text} broke`);
  };
  const handlers = ['a', 'b', 'c'].map((name) =>
    make(name, (what) => (seen) => note(`${what} ${name} ${seen.current}`)),
  );
  const error = await carry(handlers, change, {
    timeoutMs: 1000,
    swap: (to) => void steps.push(`swap ${to}`),
    onRevertFailed: (cause) => void revertFaults.push(cause.message),
  }).then(
    () => undefined,
    (cause: SetpointError) => cause,
  );
  return { steps, error, revertFaults };
}

const prepares = ['prepare a new', 'prepare b new', 'prepare c new'];

describe('a transaction', () => {
  it('a change is prepared by all handlers, swapped in, then committed by all, in the order they were added', async () => {
    const { steps, error } = await run(
      (_, step) => ({ prepare: step('prepare'), commit: step('commit'), revert: step('revert') }),
      [],
    );
    expect(error).toBeUndefined();
    expect(steps).toEqual([...prepares, 'swap current', 'commit a new', 'commit b new', 'commit c new']);
  });

  it.each<[string, string[]]>([
    ['prepare a new', ['prepare a new', 'swap previous', 'revert a new']],
    ['prepare b new', ['prepare a new', 'prepare b new', 'swap previous', 'revert b new', 'revert a new']],
    ['prepare c new', [...prepares, 'swap previous', 'revert c new', 'revert b new', 'revert a new']],
    [
      'commit a new',
      [...prepares, 'swap current', 'commit a new', 'swap previous', 'revert c new', 'revert b new', 'revert a new'],
    ],
    [
      'commit b new',
      [
        ...prepares,
        'swap current',
        'commit a new',
        'commit b new',
        'swap previous',
        'revert c new',
        'revert b new',
        'revert a new',
      ],
    ],
    [
      'commit c new',
      [
        ...prepares,
        'swap current',
        'commit a new',
        'commit b new',
        'commit c new',
        'swap previous',
        'revert c new',
        'revert b new',
        'revert a new',
      ],
    ],
  ])(
    'a change that fails at "%s" is reverted by the handlers that were called, the last one first',
    async (broken, expected) => {
      const { steps, error } = await run(
        (_, step) => ({ prepare: step('prepare'), commit: step('commit'), revert: step('revert') }),
        [broken],
      );
      expect(steps).toEqual(expected);
      expect(error).toMatchObject({
        code: 'handler_failed',
        message: `version 2, ${broken.split(' ')[0]} of /a: ${broken} broke`,
      });
    },
  );

  it('a handler without revert commits the reversed change if its commit was called', async () => {
    const { steps } = await run((_, step) => ({ prepare: step('prepare'), commit: step('commit') }), ['commit b new']);
    expect(steps).toEqual([
      ...prepares,
      'swap current',
      'commit a new',
      'commit b new',
      'swap previous',
      'commit b old',
      'commit a old',
    ]);
  });

  it('a handler of which no step was called is not reverted', async () => {
    const { steps } = await run(
      (name, step) => ({
        ...(name === 'b' && { prepare: step('prepare') }),
        commit: step('commit'),
        revert: step('revert'),
      }),
      ['prepare b new'],
    );
    expect(steps).toEqual(['prepare b new', 'swap previous', 'revert b new']);
  });

  it('revert gets the failed change, and commit the reversed one', async () => {
    const seen: Change<string>[] = [];
    const handlers: ChangeHandler<string>[] = [
      { commit: (each) => void seen.push(each) },
      {
        commit: () => {
          throw new Error('broken');
        },
        revert: (each) => void seen.push(each),
      },
    ];
    const running = carry(handlers, change, { timeoutMs: 1, swap: () => {}, onRevertFailed: () => {} });
    await expect(running).rejects.toThrow('broken');
    expect(seen).toEqual([
      change,
      change,
      { ...change, current: 'old', previous: 'new', version: 1, previousVersion: 2, isReturn: true },
    ]);
  });

  it('a revert that throws is reported, and the other handlers still revert', async () => {
    const { steps, error, revertFaults } = await run(
      (_, step) => ({ commit: step('commit'), revert: step('revert') }),
      ['commit c new', 'revert c new', 'revert b new'],
    );
    expect(steps.slice(-3)).toEqual(['revert c new', 'revert b new', 'revert a new']);
    expect(revertFaults).toEqual([
      'version 2, revert of /a: revert c new broke',
      'version 2, revert of /a: revert b new broke',
    ]);
    expect(error?.message).toBe(
      'version 2, commit of /a: commit c new broke; and not every handler could go back: restart this process',
    );
  });

  it('a transaction waits for each asynchronous step before the next', async () => {
    const steps: string[] = [];
    const slow = (text: string) => async (): Promise<void> => {
      await Promise.resolve();
      await Promise.resolve();
      steps.push(text);
    };
    const handlers = ['a', 'b'].map((name) => ({ prepare: slow(`prepare ${name}`), commit: slow(`commit ${name}`) }));
    await carry(handlers, change, {
      timeoutMs: 1000,
      swap: (to) => void steps.push(`swap ${to}`),
      onRevertFailed: () => {},
    });
    expect(steps).toEqual(['prepare a', 'prepare b', 'swap current', 'commit a', 'commit b']);
  });

  it('a transaction waits for a step that returns any thenable', async () => {
    const steps: string[] = [];
    const settled = Promise.resolve().then(() => void steps.push('done'));
    // biome-ignore lint/suspicious/noThenProperty: what a query builder returns is such an object.
    const foreign = { then: (settle: () => void) => void settled.then(() => settle()) };
    const handlers: ChangeHandler<string>[] = [
      { prepare: () => foreign as unknown as Promise<void>, commit: () => void steps.push('commit') },
    ];
    await carry(handlers, change, { timeoutMs: 1000, swap: () => {}, onRevertFailed: () => {} });
    expect(steps).toEqual(['done', 'commit']);
  });

  it('a transaction needs no handler', async () => {
    const swaps: string[] = [];
    await carry([], change, { timeoutMs: 1, swap: (to) => void swaps.push(to), onRevertFailed: () => {} });
    expect(swaps).toEqual(['current']);
  });
});

describe('a handler step that takes too long', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const never = (): Promise<void> => new Promise(() => {});

  it.each(['prepare', 'commit'] as const)(
    'a step that takes too long in %s ends the change, and what was done is reverted',
    async (step) => {
      const reverted: string[] = [];
      const handlers: ChangeHandler<string>[] = [
        { commit: () => {}, prepare: () => {}, revert: () => void reverted.push('first') },
        { commit: () => {}, [step]: never, revert: () => void reverted.push('slow') },
      ];
      const running = carry(handlers, change, { timeoutMs: 50, swap: () => {}, onRevertFailed: () => {} });
      const refused = expect(running).rejects.toMatchObject({
        code: 'apply_timeout',
        message: `version 2, ${step} of /a: it did not finish within 50 ms; raise applyTimeoutMs or do the work outside of it; it still runs, and is taken back once more when it ends: restart this process if it never does`,
        faults: [{ pointer: '' }],
      });
      // Its time, and the time that it has to end.
      await vi.advanceTimersByTimeAsync(1049);
      expect(reverted).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      await refused;
      expect(reverted).toEqual(['slow', 'first']);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it('a revert that takes too long is given up as well', async () => {
    const faults: unknown[] = [];
    const reverted: string[] = [];
    const handlers: ChangeHandler<string>[] = [
      { commit: () => {}, revert: () => void reverted.push('first') },
      {
        commit: () => {
          throw new Error('broken');
        },
        revert: never,
      },
    ];
    const running = carry(handlers, change, {
      timeoutMs: 50,
      swap: () => {},
      onRevertFailed: (cause) => void faults.push(cause),
    });
    const refused = expect(running).rejects.toThrow('broken');
    await vi.advanceTimersByTimeAsync(50);
    await refused;
    expect(faults).toMatchObject([{ code: 'apply_timeout' }]);
    expect(reverted).toEqual(['first']);
  });

  it('a step that rejects after its time limit has no effect', async () => {
    const late = Promise.withResolvers<void>();
    const handlers: ChangeHandler<string>[] = [{ prepare: () => late.promise, commit: () => {} }];
    const running = carry(handlers, change, { timeoutMs: 50, swap: () => {}, onRevertFailed: () => {} });
    const refused = expect(running).rejects.toMatchObject({ code: 'apply_timeout' });
    await vi.advanceTimersByTimeAsync(60);
    late.reject(new Error('too late'));
    await refused;
  });

  it('a step that ends in time leaves no timer', async () => {
    const handlers: ChangeHandler<string>[] = [{ commit: async () => {} }];
    await carry(handlers, change, { timeoutMs: 50, swap: () => {}, onRevertFailed: () => {} });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the signal of a handler', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
  const options = { timeoutMs: 50, swap: () => {}, onRevertFailed: () => {} };
  const never = (): Promise<void> => new Promise(() => {});

  it('the signal is one for the whole change, and does not abort when all went well', async () => {
    const signals: AbortSignal[] = [];
    const note = (_: unknown, { signal }: HandlerContext): void => void signals.push(signal);
    await carry([{ prepare: note, commit: note }], change, options);
    expect(signals[0]).toBe(signals[1]);
    expect(signals[0]?.aborted).toBe(false);
  });

  it('the signal aborts at the time limit, which a handler may set for itself', async () => {
    let signal: AbortSignal | undefined;
    const handler: ChangeHandler<string> = {
      timeoutMs: 10,
      commit: (_, context) => {
        signal = context.signal;
        return never();
      },
      revert: () => {},
    };
    const failed = expect(carry([handler], change, options)).rejects.toThrow('within 10 ms; raise its timeoutMs');
    await vi.advanceTimersByTimeAsync(9);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(signal?.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(1000);
    await failed;
    expect(signal?.reason).toMatchObject({ code: 'apply_timeout' });
  });

  it('the signal aborts when another handler fails, also when it is read only then, and not for the revert', async () => {
    const aborted: boolean[] = [];
    let context: HandlerContext | undefined;
    let early: AbortSignal | undefined;
    const failed = new Error('broken');
    const handlers: ChangeHandler<string>[] = [
      {
        commit: (_, given) => {
          early = given.signal;
        },
        revert: (_, { signal }) => void aborted.push(signal.aborted),
      },
      {
        prepare: (_, given) => {
          context = given;
        },
        commit: () => {
          throw failed;
        },
      },
    ];
    await expect(carry(handlers, change, options)).rejects.toThrow('broken');
    expect([early?.aborted, early?.reason, context?.signal.aborted]).toEqual([true, failed, true]);
    expect(aborted).toEqual([false]);
  });

  it('the signal aborts when the connection stops, and what is given up then is reverted', async () => {
    const stopping = new AbortController();
    const reverted: string[] = [];
    const handlers: ChangeHandler<string>[] = [
      {
        commit: (_, { signal }) =>
          new Promise((_settle, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        revert: () => void reverted.push('reverted'),
      },
    ];
    const running = carry(handlers, change, { ...options, stopping: stopping.signal });
    const refused = expect(running).rejects.toMatchObject({ code: 'stopped', cause: 'going' });
    await vi.advanceTimersByTimeAsync(1);
    stopping.abort('going');
    await refused;
    expect(reverted).toEqual(['reverted']);
  });

  it('a handler that ignores its signal and finishes counts as finished', async () => {
    const stopping = new AbortController();
    stopping.abort('going');
    let isAborted = false;
    const handler: ChangeHandler<string> = {
      commit: (_, { signal }) => {
        isAborted = signal.aborted;
      },
    };
    await carry([handler], change, { ...options, stopping: stopping.signal });
    expect(isAborted).toBe(true);
  });

  it('once a stop has given up waiting, neither the step nor the revert is waited for', async () => {
    const [stopping, abandoned] = [new AbortController(), new AbortController()];
    const reverted: string[] = [];
    const handler: ChangeHandler<string> = {
      commit: never,
      revert: () => {
        reverted.push('called');
        return never();
      },
    };
    const running = carry([handler], change, {
      ...options,
      stopping: stopping.signal,
      abandoned: abandoned.signal,
    });
    const refused = expect(running).rejects.toMatchObject({ code: 'stopped' });
    stopping.abort();
    await vi.advanceTimersByTimeAsync(1);
    expect(reverted).toEqual([]);
    abandoned.abort();
    await refused;
    expect(reverted).toEqual(['called']);
  });
});

describe('the reason of a failed change', () => {
  const failWith = (thrown: unknown, changed: readonly string[] = change.changed): Promise<SetpointError> => {
    const handler: ChangeHandler<string> = {
      commit: () => {
        throw thrown;
      },
      revert: () => {},
    };
    const options = { timeoutMs: 1, swap: () => {}, onRevertFailed: () => {} };
    return carry([handler], { ...change, changed }, options).then(
      () => Promise.reject(new Error('it was applied')),
      (cause: SetpointError) => cause,
    );
  };

  it('a failed change names the setting that the handler named, with the thrown error as its cause', async () => {
    const thrown = new ChangeRefused('/model/path', 'no such model', { cause: 'ENOENT' });
    const error = await failWith(thrown);
    expect(error).toBeInstanceOf(SetpointError);
    expect(error).toMatchObject({
      code: 'handler_failed',
      message: 'version 2, commit of /a: no such model',
      cause: thrown,
    });
    expect(error.faults).toEqual([{ pointer: '/model/path', message: 'no such model' }]);
    expect(thrown).toMatchObject({ name: 'ChangeRefused', cause: 'ENOENT' });
  });

  it('a failed change names the one setting that changed when the handler named none', async () => {
    expect((await failWith(new Error('broken'), ['/a'])).faults[0]?.pointer).toBe('/a');
  });

  it('a failed change names the document when several settings changed', async () => {
    expect((await failWith(new Error('broken'))).faults[0]?.pointer).toBe('');
  });

  it('a failed change names the document when the handler named no JSON Pointer, because readers would refuse the health report', async () => {
    expect((await failWith(new ChangeRefused('model.path', 'no such model'))).faults[0]?.pointer).toBe('');
  });

  it.each<[string, unknown, string]>([
    ['a text', 'just a text', 'just a text'],
    ['nothing', undefined, 'undefined'],
    ['an error of ours', new SetpointError('stopped', 'from within'), 'from within'],
    ['an error without a message', Object.assign(new Error('x'), { message: undefined }), 'Error'],
    ['an error with an object for a message', Object.assign(new Error('x'), { message: { code: 7 } }), '{"code":7}'],
    ['an object', { code: 7 }, '{"code":7}'],
    ['a value without a text', Object.create(null), 'something that has no text'],
    ['a symbol', Symbol('no'), 'Symbol(no)'],
    [
      'an error that can not be looked at',
      new Proxy(new Error('x'), {
        getPrototypeOf: () => {
          throw new Error('no');
        },
      }),
      'something that has no text',
    ],
  ])('a failed change can be caused by %s', async (_, thrown, text) => {
    expect(await failWith(thrown)).toMatchObject({
      code: 'handler_failed',
      message: `version 2, commit of /a: ${text}`,
      faults: [{ message: text }],
    });
  });
});

describe('Client-42-Joins-And-Leaves: handlers that come and go while a change is under way', () => {
  /** Handlers that write down their steps; `a` waits where it is told to. */
  function open(at: 'prepare' | 'commit') {
    const steps: string[] = [];
    const [reached, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const follower = (name: string, fails?: string): Subscriber<string> => {
      const step = (what: string) => (each: Change<string>) => {
        steps.push(`${what} ${name} ${each.current}`);
        if (what === fails) throw new Error('broken');
      };
      return { pointer: '/a', handler: { prepare: step('prepare'), commit: step('commit') } };
    };
    const slow = follower('a');
    const wait = async (each: Change<string>): Promise<void> => {
      steps.push(`${at} a ${each.current}`);
      if (each.isReturn) return;
      reached.resolve();
      await go.promise;
    };
    const followers = new Set<Subscriber<string>>([{ ...slow, handler: { ...slow.handler, [at]: wait } }]);
    return {
      steps,
      followers,
      follower,
      reached: reached.promise,
      go: go.resolve,
      carry: () =>
        applyChange(followers, change, {
          timeoutMs: 1000,
          concerns: () => true,
          swap: (to) => void steps.push(`swap ${to}`),
          onRevertFailed: () => {},
          onLate: () => {},
        }),
    };
  }

  it('a handler that is added before the swap takes part in every step', async () => {
    const { carry, followers, follower, steps, reached, go } = open('prepare');
    const running = carry();
    await reached;
    const late = follower('b');
    followers.add(late);
    go();
    expect(await running).toContain(late);
    expect(steps).toEqual(['prepare a new', 'prepare b new', 'swap current', 'commit a new', 'commit b new']);
  });

  it('a handler that has unsubscribed is not called any more', async () => {
    const { carry, followers, follower, steps, reached, go } = open('prepare');
    const [leaves, stays] = [follower('b'), follower('c')];
    followers.add(leaves).add(stays);
    const running = carry();
    await reached;
    followers.delete(leaves);
    go();
    expect(await running).not.toContain(leaves);
    expect(steps.filter((step) => step.includes(' b '))).toEqual([]);
    expect(steps).toContain('commit c new');
  });

  it('a handler that is added after the swap is reverted with the others', async () => {
    const { carry, followers, follower, steps, reached, go } = open('commit');
    followers.add(follower('b', 'commit'));
    const running = carry();
    await reached;
    followers.add(follower('c'));
    go();
    await expect(running).rejects.toThrow('broken');
    expect(steps.slice(steps.indexOf('swap previous'))).toEqual([
      'swap previous',
      'prepare c old',
      'commit c old',
      'commit b old',
      'commit a old',
    ]);
  });

  it('a step that fails after its handler unsubscribed does not fail the change', async () => {
    const { carry, followers } = open('commit');
    const broken = Promise.withResolvers<void>();
    const leaving = { pointer: '', handler: { commit: () => broken.promise } };
    followers.clear();
    followers.add(leaving);
    const running = carry();
    await new Promise(setImmediate);
    followers.delete(leaving);
    broken.reject(new Error('aborted'));
    expect(await running).toEqual([leaving]);
  });
});

describe('a handler step that ends too late', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** The new value takes this long, the old one no time. */
  function openSlow(newMs: number) {
    let runs = 'old';
    const late: Promise<void>[] = [];
    const handler: ChangeHandler<string> = {
      commit: async ({ current }) => {
        if (current === 'new') await new Promise((settle) => setTimeout(settle, newMs));
        runs = current;
      },
    };
    const running = carry([handler], change, { timeoutMs: 100, onLate: (_, settled) => void late.push(settled) });
    return { refused: expect(running).rejects.toMatchObject({ code: 'apply_timeout' }), late, runs: () => runs };
  }

  it('a step that is late by less than a second is waited for, and reverted when it has ended', async () => {
    const { refused, late, runs } = openSlow(1099);
    await vi.advanceTimersByTimeAsync(1099);
    await refused;
    expect([runs(), late]).toEqual(['old', []]);
  });

  it('a step that is later than that is reverted without waiting, and once more when it ends', async () => {
    const { refused, late, runs } = openSlow(5000);
    await vi.advanceTimersByTimeAsync(1100);
    await refused;
    expect(runs()).toBe('old');
    await vi.advanceTimersByTimeAsync(5000);
    await late[0];
    expect([late.length, runs()]).toEqual([1, 'new']);
  });
});

describe('random handlers', () => {
  type Plan = {
    hasPrepare: boolean;
    hasRevert: boolean;
    isAsync: boolean;
    breaks: 'never' | 'prepare' | 'commit';
  };
  const plan: fc.Arbitrary<Plan> = fc.record({
    hasPrepare: fc.boolean(),
    hasRevert: fc.boolean(),
    isAsync: fc.boolean(),
    breaks: fc.constantFrom('never', 'never', 'never', 'prepare', 'commit'),
  });

  it('every handler last saw the old document after a failure, and the new one after a success', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { maxLength: 6 }), async (plans) => {
        let inForce = 'old';
        const last = plans.map(() => 'old');
        const handlers = plans.map(({ hasPrepare, hasRevert, isAsync, breaks }, index): ChangeHandler<string> => {
          const step = (breaksHere: boolean, act: () => void) => {
            const body = (): void => {
              act();
              // Only the first time round: going back is not what breaks here.
              if (breaksHere && inForce === (breaks === 'commit' ? 'new' : 'old')) throw new Error('broken');
            };
            return isAsync ? () => Promise.resolve().then(body) : body;
          };
          return {
            ...(hasPrepare && { prepare: () => step(breaks === 'prepare', () => expect(inForce).toBe('old'))() }),
            commit: (each) =>
              step(breaks === 'commit', () => {
                expect(inForce).toBe(each.current);
                last[index] = each.current;
              })(),
            ...(hasRevert && {
              revert: (each) =>
                step(false, () => {
                  expect(inForce).toBe('old');
                  last[index] = each.previous;
                })(),
            }),
          };
        });
        const faults: unknown[] = [];
        const isApplied = await carry(handlers, change, {
          timeoutMs: 1000,
          swap: (to) => {
            inForce = change[to];
          },
          onRevertFailed: (cause) => void faults.push(cause),
        }).then(
          () => true,
          () => false,
        );
        const breaks = plans.some((each) => each.breaks === 'commit' || (each.breaks === 'prepare' && each.hasPrepare));
        expect(isApplied).toBe(!breaks);
        expect(inForce).toBe(breaks ? 'old' : 'new');
        expect(last).toEqual(plans.map(() => (breaks ? 'old' : 'new')));
        expect(faults).toEqual([]);
      }),
    );
  });
});
