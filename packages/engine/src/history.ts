import {
  changedPointers,
  createProblem,
  type Difference,
  type LogEntry,
  type Request,
  type Result,
  readPointer,
} from '@setpoint/protocol';
import { authorise, type Identity } from './access.ts';
import { isSecretIn, redactDifference } from './redact.ts';
import { answer, type ServiceState, secretTest } from './service-state.ts';
import type { Store, VersionRecord, VersionSummary } from './store/store.ts';

export type ReadRequest = Extract<Request, { op: 'log' | 'diff' }>;

const defaultLogLimit = 50;

/** Answers what only looks at the history; asked by the same rules as what changes it. */
export async function read(
  state: ServiceState,
  request: ReadRequest,
  identity: Identity,
  store: Store,
): Promise<Result> {
  const denied = authorise(identity, request);
  if (denied) return answer(state, store.epoch, 'denied', { problem: createProblem('access_denied', denied) });
  if (!state.latest) {
    return answer(state, store.epoch, 'rejected', {
      problem: createProblem('service_unknown', `there is no service ${state.service}`),
    });
  }
  return request.op === 'log' ? readLog(state, request, store) : readDiff(state, request, store);
}

async function readLog(
  state: ServiceState,
  request: Extract<ReadRequest, { op: 'log' }>,
  store: Store,
): Promise<Result> {
  const { limit = defaultLogLimit, before } = request;
  const page = await store.listVersions(state.service, { limit, ...(before !== undefined && { before }) });
  return answer(state, store.epoch, 'found', { log: page.map(toLogEntry) });
}

const toLogEntry = ({ snapshot, changed, deleted }: VersionSummary): LogEntry => ({
  version: snapshot.version,
  digest: snapshot.digest,
  committedAt: snapshot.committedAt,
  author: snapshot.author,
  reason: snapshot.reason,
  changed,
  ...(deleted && { deleted }),
});

async function readDiff(
  state: ServiceState,
  { from, to }: { from: number; to: number },
  store: Store,
): Promise<Result> {
  const [before, after] = await Promise.all([from, to].map((version) => store.findVersion(state.service, version)));
  if (!before || !after) {
    const missing = before ? to : from;
    return answer(state, store.epoch, 'rejected', {
      problem: createProblem('version_unknown', `${state.service} has no version ${missing}; see its log`),
    });
  }
  return answer(state, store.epoch, 'found', { diff: differences(state, before, after) });
}

function differences(state: ServiceState, before: VersionRecord, after: VersionRecord): Difference[] {
  const isMarked = isSecretIn([...before.snapshot.secrets, ...after.snapshot.secrets]);
  const isSecretNow = secretTest(state);
  const [from, to] = [before.snapshot.values, after.snapshot.values];
  return changedPointers(from, to).map((pointer) => {
    const [was, is] = [readPointer(from, pointer), readPointer(to, pointer)];
    const difference = { pointer, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) };
    return redactDifference(difference, (place) => isMarked(place) || isSecretNow(place));
  });
}
