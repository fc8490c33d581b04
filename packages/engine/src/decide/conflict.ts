import { createProblem, type JsonObject, type Pointer, type Result, readPointer } from '@setpoint/protocol';
import { createOverlapTest } from '../document/overlap.ts';
import { isSecretIn, redactDifference, type SecretTest } from '../schema/redact.ts';

/** Two changes of overlapping settings within this time are told to the operator who was overwritten. Milliseconds. */
export const conflictWindowMs = 5000;

export interface OperatorChange {
  readonly service: string;
  readonly requester: string;
  readonly requestId: string;
  readonly changed: readonly Pointer[];
  /** The document that the change made. */
  readonly values: JsonObject;
  /** The secrets of that document. */
  readonly secrets: readonly Pointer[];
  /** Unix time in milliseconds. */
  readonly at: number;
}

/** A result for an operator whose change was overwritten. */
export interface ConflictNotice {
  readonly requester: string;
  /** The request whose effect is gone. */
  readonly requestId: string;
  readonly result: Result;
}

export interface ConflictWatch {
  /** Remembers a change, and says whose it overwrote. */
  observe(change: OperatorChange, applied: Result, isSecret: SecretTest): ConflictNotice[];
}

/** Remembers the changes of the last five seconds; older ones, and those past the last 1,000, are forgotten. */
export function createConflictWatch(): ConflictWatch {
  const capacity = 1000;
  let recent: OperatorChange[] = [];
  return {
    observe(change, applied, isSecret) {
      recent = recent.filter(({ at }) => change.at - at < conflictWindowMs).slice(-capacity);
      const isContested = createOverlapTest(change.changed);
      const contests = recent.map((earlier) => ({
        earlier,
        contested: earlier.service === change.service ? earlier.changed.filter(isContested) : [],
      }));
      // What was overwritten once is not the earlier operator's any more.
      const remaining = contests.map(({ earlier, contested }) =>
        contested.length > 0
          ? { ...earlier, changed: earlier.changed.filter((pointer) => !isContested(pointer)) }
          : earlier,
      );
      recent = [...remaining.filter(({ changed }) => changed.length > 0), change];
      return contests
        .filter(({ earlier, contested }) => contested.length > 0 && earlier.requester !== change.requester)
        .map(({ earlier, contested }) => notice(earlier, contested, change, applied, isSecret));
    },
  };
}

function notice(
  earlier: OperatorChange,
  contested: readonly Pointer[],
  later: OperatorChange,
  applied: Result,
  isSecret: SecretTest,
): ConflictNotice {
  const wasSecret = isSecretIn([...earlier.secrets, ...later.secrets]);
  const diff = contested.map((pointer) => {
    const [before, after] = [readPointer(earlier.values, pointer), readPointer(later.values, pointer)];
    return redactDifference(
      { pointer, ...(before !== undefined && { before }), ...(after !== undefined && { after }) },
      (place) => isSecret(place) || wasSecret(place),
    );
  });
  const detail = `${later.requester} changed ${contested.join(', ')} within ${conflictWindowMs / 1000} s of your change; use expectedVersion to be asked first`;
  const problem = createProblem('overwritten', detail);
  const { service, epoch, version, digest, changed, restartRequired, warnings } = applied;
  const result: Result = {
    status: 'conflict',
    service,
    epoch,
    version,
    ...(digest !== undefined && { digest }),
    changed,
    restartRequired,
    warnings,
    problem,
    diff,
    overwrittenBy: later.requester,
  };
  return { requester: earlier.requester, requestId: earlier.requestId, result };
}
