import { SetpointError } from '@setpoint/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { applyChange, type Change, type ChangeHandler, ChangeRefused, type HandlerContext } from './apply.ts';

const change: Change<string> = {
  current: 'new',
  previous: 'old',
  changed: ['/a', '/b'],
  restartRequired: [],
  version: 2,
  previousVersion: 1,
  isReturn: false,
};

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
  const error = await applyChange(handlers, change, {
    timeoutMs: 1000,
    swap: (to) => void steps.push(`swap ${to}`),
    onRevertFailed: (cause) => void revertFaults.push((cause as Error).message),
  }).then(
    () => undefined,
    (cause: SetpointError) => cause,
  );
  return { steps, error, revertFaults };
}

const prepares = ['prepare a new', 'prepare b new', 'prepare c new'];

describe('a change', () => {
  it('is prepared by all, then swapped in, then committed by all, in the order they were added', async () => {
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
  ])('that breaks at "%s" is reverted by those that were called, the last one first', async (broken, expected) => {
    const { steps, error } = await run(
      (_, step) => ({ prepare: step('prepare'), commit: step('commit'), revert: step('revert') }),
      [broken],
    );
    expect(steps).toEqual(expected);
    expect(error).toMatchObject({ code: 'handler_failed', message: `${broken} broke` });
  });

  it('is committed the other way round by a handler without revert whose commit was called, and by no other', async () => {
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

  it('is not reverted by a handler of which nothing was called', async () => {
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

  it('hands the failed change to revert, and the change turned round to commit', async () => {
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
    const running = applyChange(handlers, change, { timeoutMs: 1, swap: () => {}, onRevertFailed: () => {} });
    await expect(running).rejects.toThrow('broken');
    expect(seen).toEqual([
      change,
      change,
      { ...change, current: 'old', previous: 'new', version: 1, previousVersion: 2, isReturn: true },
    ]);
  });

  it('whose revert breaks is reported, and the others still revert', async () => {
    const { steps, error, revertFaults } = await run(
      (_, step) => ({ commit: step('commit'), revert: step('revert') }),
      ['commit c new', 'revert c new', 'revert b new'],
    );
    expect(steps.slice(-3)).toEqual(['revert c new', 'revert b new', 'revert a new']);
    expect(revertFaults).toEqual(['revert c new broke', 'revert b new broke']);
    expect(error?.message).toBe('commit c new broke');
  });

  it('waits for each asynchronous step before the next', async () => {
    const steps: string[] = [];
    const slow = (text: string) => async (): Promise<void> => {
      await Promise.resolve();
      await Promise.resolve();
      steps.push(text);
    };
    const handlers = ['a', 'b'].map((name) => ({ prepare: slow(`prepare ${name}`), commit: slow(`commit ${name}`) }));
    await applyChange(handlers, change, {
      timeoutMs: 1000,
      swap: (to) => void steps.push(`swap ${to}`),
      onRevertFailed: () => {},
    });
    expect(steps).toEqual(['prepare a', 'prepare b', 'swap current', 'commit a', 'commit b']);
  });

  it('waits for a step that returns a promise of another make', async () => {
    const steps: string[] = [];
    const settled = Promise.resolve().then(() => void steps.push('done'));
    // biome-ignore lint/suspicious/noThenProperty: what a query builder returns is such an object.
    const foreign = { then: (settle: () => void) => void settled.then(() => settle()) };
    const handlers: ChangeHandler<string>[] = [
      { prepare: () => foreign as unknown as Promise<void>, commit: () => void steps.push('commit') },
    ];
    await applyChange(handlers, change, { timeoutMs: 1000, swap: () => {}, onRevertFailed: () => {} });
    expect(steps).toEqual(['done', 'commit']);
  });

  it('needs no handler', async () => {
    const swaps: string[] = [];
    await applyChange([], change, { timeoutMs: 1, swap: (to) => void swaps.push(to), onRevertFailed: () => {} });
    expect(swaps).toEqual(['current']);
  });
});

describe('a step that takes too long', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const never = (): Promise<void> => new Promise(() => {});

  it.each(['prepare', 'commit'] as const)('ends the change in %s, and what was done is reverted', async (step) => {
    const reverted: string[] = [];
    const handlers: ChangeHandler<string>[] = [
      { commit: () => {}, prepare: () => {}, revert: () => void reverted.push('first') },
      { commit: () => {}, [step]: never, revert: () => void reverted.push('slow') },
    ];
    const running = applyChange(handlers, change, { timeoutMs: 50, swap: () => {}, onRevertFailed: () => {} });
    const refused = expect(running).rejects.toMatchObject({
      code: 'apply_timeout',
      message: 'a handler did not finish within 50 ms; raise applyTimeoutMs or do the work outside of it',
      faults: [{ pointer: '' }],
    });
    await vi.advanceTimersByTimeAsync(49);
    expect(reverted).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await refused;
    expect(reverted).toEqual(['slow', 'first']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is given up in revert as well', async () => {
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
    const running = applyChange(handlers, change, {
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

  it('that fails after its time harms nobody', async () => {
    const late = Promise.withResolvers<void>();
    const handlers: ChangeHandler<string>[] = [{ prepare: () => late.promise, commit: () => {} }];
    const running = applyChange(handlers, change, { timeoutMs: 50, swap: () => {}, onRevertFailed: () => {} });
    const refused = expect(running).rejects.toMatchObject({ code: 'apply_timeout' });
    await vi.advanceTimersByTimeAsync(50);
    await refused;
    late.reject(new Error('too late'));
    await vi.advanceTimersByTimeAsync(0);
  });

  it('leaves no timer where it was in time', async () => {
    const handlers: ChangeHandler<string>[] = [{ commit: async () => {} }];
    await applyChange(handlers, change, { timeoutMs: 50, swap: () => {}, onRevertFailed: () => {} });
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

  it('is one for the whole change, and does not abort where all went well', async () => {
    const signals: AbortSignal[] = [];
    const note = (_: unknown, { signal }: HandlerContext): void => void signals.push(signal);
    await applyChange([{ prepare: note, commit: note }], change, options);
    expect(signals[0]).toBe(signals[1]);
    expect(signals[0]?.aborted).toBe(false);
  });

  it('aborts at the time limit, which a handler may have for itself', async () => {
    let signal: AbortSignal | undefined;
    const handler: ChangeHandler<string> = {
      timeoutMs: 10,
      commit: (_, context) => {
        signal = context.signal;
        return never();
      },
      revert: () => {},
    };
    const failed = expect(applyChange([handler], change, options)).rejects.toThrow('within 10 ms');
    await vi.advanceTimersByTimeAsync(9);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await failed;
    expect(signal?.reason).toMatchObject({ code: 'apply_timeout' });
  });

  it('aborts when another handler fails, also where it is asked for only then, and not for the way back', async () => {
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
    await expect(applyChange(handlers, change, options)).rejects.toThrow('broken');
    expect([early?.aborted, early?.reason, context?.signal.aborted]).toEqual([true, failed, true]);
    expect(aborted).toEqual([false]);
  });

  it('aborts when the connection stops, and what is given up then is put back', async () => {
    const stopping = new AbortController();
    const reverted: string[] = [];
    const handlers: ChangeHandler<string>[] = [
      {
        commit: (_, { signal }) =>
          new Promise((_settle, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        revert: () => void reverted.push('reverted'),
      },
    ];
    const running = applyChange(handlers, change, { ...options, stopping: stopping.signal });
    const refused = expect(running).rejects.toMatchObject({ code: 'stopped', cause: 'going' });
    await vi.advanceTimersByTimeAsync(1);
    stopping.abort('going');
    await refused;
    expect(reverted).toEqual(['reverted']);
  });

  it('does not matter to a handler that finishes all the same', async () => {
    const stopping = new AbortController();
    stopping.abort('going');
    let isAborted = false;
    const handler: ChangeHandler<string> = {
      commit: (_, { signal }) => {
        isAborted = signal.aborted;
      },
    };
    await applyChange([handler], change, { ...options, stopping: stopping.signal });
    expect(isAborted).toBe(true);
  });

  it('is the last word: once nobody waits any more, neither the step nor the way back is waited for', async () => {
    const [stopping, abandoned] = [new AbortController(), new AbortController()];
    const reverted: string[] = [];
    const handler: ChangeHandler<string> = {
      commit: never,
      revert: () => {
        reverted.push('called');
        return never();
      },
    };
    const running = applyChange([handler], change, {
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
    return applyChange([handler], { ...change, changed }, options).then(
      () => Promise.reject(new Error('it was applied')),
      (cause: SetpointError) => cause,
    );
  };

  it('names the setting that the handler named, and keeps what was thrown as its cause', async () => {
    const thrown = new ChangeRefused('/model/path', 'no such model', { cause: 'ENOENT' });
    const error = await failWith(thrown);
    expect(error).toBeInstanceOf(SetpointError);
    expect(error).toMatchObject({ code: 'handler_failed', message: 'no such model', cause: thrown });
    expect(error.faults).toEqual([{ pointer: '/model/path', message: 'no such model' }]);
    expect(thrown).toMatchObject({ name: 'ChangeRefused', cause: 'ENOENT' });
  });

  it('is the one setting that changed, where the handler named none', async () => {
    expect((await failWith(new Error('broken'), ['/a'])).faults[0]?.pointer).toBe('/a');
  });

  it('is the document, where several changed', async () => {
    expect((await failWith(new Error('broken'))).faults[0]?.pointer).toBe('');
  });

  it('is the document, where the handler named what is no JSON Pointer: health would be refused by its readers', async () => {
    expect((await failWith(new ChangeRefused('model.path', 'no such model'))).faults[0]?.pointer).toBe('');
  });

  it('can be anything that was thrown', async () => {
    expect(await failWith('just a text')).toMatchObject({ code: 'handler_failed', message: 'just a text' });
    expect(await failWith(undefined)).toMatchObject({ code: 'handler_failed', message: 'undefined' });
    expect(await failWith(new SetpointError('stopped', 'from within'))).toMatchObject({ code: 'handler_failed' });
  });
});

describe('whatever the handlers are', () => {
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

  it('after a failure each one last saw the old document, after a success the new one, and in between nobody half', async () => {
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
        const isApplied = await applyChange(handlers, change, {
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
