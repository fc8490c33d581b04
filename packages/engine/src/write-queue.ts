import { createProblem, type Result, SetpointError } from '@setpoint/protocol';
import {
  type BatchContext,
  type DecidedBatch,
  type DecidedWork,
  decideBatch,
  requestIdOf,
  type Work,
} from './decide/batch.ts';
import type { Dependents } from './decide/dependents.ts';
import { FairQueue } from './fair-queue.ts';
import { answer, type ServiceState } from './service-state.ts';
import type { ServiceStates } from './service-states.ts';
import type { Store, VersionRecord } from './store/store.ts';

/** Decides and stores all that changes anything, one batch after another. */
export interface WriteQueue {
  /**
   * Resolves with the result once it is durable, and after the listeners of its version were called. Rejects never:
   * a store that can't be written is a result with `store_unavailable`, a full queue one with `overloaded`.
   */
  submit(service: string, work: Work): Promise<Result>;
}

export interface WriteQueueOptions {
  readonly store: Store;
  readonly states: ServiceStates;
  readonly dependents: Dependents;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly optionsFor: BatchContext['optionsFor'];
  /** Called with every version that has become durable, in order. */
  readonly onCommit: (record: VersionRecord, requestId: string | undefined) => void;
  /** Called after a work was answered. */
  readonly onAnswer: (work: Work, decided: DecidedWork) => void;
}

/** Changes that are made durable together; more would keep the first of them waiting for the last. */
const maxBatch = 256;

/** Changes that may wait; any more are refused, so that a flood does not fill the memory. */
const maxWaiting = 10_000;
/** Changes that one requester may have waiting for one service. */
const maxWaitingOfOne = 1_000;

/** The lane of what no operator asked for. */
const filesLane = 'files';

interface Pending {
  readonly service: string;
  readonly work: Work;
  readonly settle: (result: Result) => void;
}

export function createWriteQueue(options: WriteQueueOptions): WriteQueue {
  const { store, states, dependents, now, optionsFor, onCommit, onAnswer } = options;
  const queue = new FairQueue<Pending>({ maxWaiting, maxWaitingPerLane: maxWaitingOfOne });
  let isDraining = false;

  async function drain(): Promise<void> {
    while (queue.size > 0) await writeBatch(queue.take(maxBatch));
    isDraining = false;
  }

  async function writeBatch(taken: readonly { readonly lane: string; readonly item: Pending }[]): Promise<void> {
    const decided = await decideAndStore(taken.map(({ item }) => item));
    if (!decided) return;
    queue.putBack(taken.slice(decided.works.length));
    const batch = taken.slice(0, decided.works.length).map(({ item }) => item);
    states.replace(decided.drafts);
    announceVersions(batch, decided);
    queueDependents(batch, decided);
    // The snapshots are on their way to the services before the answers are made.
    await new Promise((next) => setImmediate(next));
    answerAll(batch, decided);
  }

  /** Nothing has happened if it can't be stored: then the whole batch is refused, and undefined returned. */
  async function decideAndStore(batch: readonly Pending[]): Promise<DecidedBatch | undefined> {
    try {
      const decided = await decideBatch(batch, { store, now, states, optionsFor });
      const commits = decided.works.flatMap((each) => each.commits);
      const appended = commits.length > 0 ? await store.append(commits) : undefined;
      if (appended?.kind !== 'conflict') return decided;
      const message = `another writer moved ${appended.service} to version ${appended.actual}; stop it, then start again`;
      throw new SetpointError('store_unavailable', message);
    } catch (cause) {
      const advice = 'nothing was changed, the same request can be sent again';
      for (const { service, settle } of batch) settle(unavailable(states.of(service), store, cause, advice));
      return undefined;
    }
  }

  function announceVersions(batch: readonly Pending[], { works }: DecidedBatch): void {
    for (const [i, { work }] of batch.entries()) {
      for (const { record } of works[i]?.made ?? []) onCommit(record, requestIdOf(work));
    }
  }

  /** Documents that refer to a service that has changed are decided again with the next batch. */
  function queueDependents(batch: readonly Pending[], { works }: DecidedBatch): void {
    for (const [i, { service, work }] of batch.entries()) {
      if (work.kind === 'sources') dependents.noteSources(service, work, works[i]?.result.problem !== undefined);
    }
    const made = works.flatMap((each) => each.made.map(({ record }) => record));
    for (const { service, change } of dependents.changesAfter(made, states.all())) {
      queue.push(filesLane, { service, work: change, settle: () => undefined });
    }
  }

  function answerAll(batch: readonly Pending[], { works }: DecidedBatch): void {
    for (const [i, { work, settle }] of batch.entries()) {
      const decided = works[i];
      if (!decided) continue;
      settle(decided.result);
      onAnswer(work, decided);
    }
  }

  return {
    submit: (service, work) =>
      new Promise((settle) => {
        const pending = { service, work, settle };
        // What the files say is never refused: nobody would send it again.
        if (!('requestId' in work)) queue.push(filesLane, pending);
        else if (!queue.offer(`${work.identity.requester} ${service}`, pending)) {
          const detail = 'too many changes wait already; send the same request again later';
          const problem = createProblem('overloaded', detail);
          return settle(answer(states.of(service), store.epoch, 'rejected', { problem }));
        }
        if (isDraining) return;
        isDraining = true;
        // All that arrived with one read of the socket becomes durable with one write.
        setImmediate(() => void drain());
      }),
  };
}

/** The answer to a request that the store could not carry out. */
export function unavailable(state: ServiceState, { epoch }: Store, cause: unknown, advice: string): Result {
  const message = cause instanceof Error ? cause.message : String(cause);
  return answer(state, epoch, 'rejected', { problem: createProblem('store_unavailable', `${message}; ${advice}`) });
}
