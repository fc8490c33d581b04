import { createProblem, type Fault, type Problem, type Request, type Result } from '@setpoint/protocol';
import { authorise, type Identity, mayRead } from '../access.ts';
import { answer, type ServiceState } from '../service-state.ts';
import type { Store, VersionRecord } from '../store/store.ts';
import type { PendingBookmarks } from '../version/pending-bookmarks.ts';
import type { DecideOptions, Decision } from './change.ts';
import { decide } from './decide.ts';

/** Every service of a profile goes back to its version in it, all or none. */
export interface ActivationChange {
  readonly kind: 'activation';
  readonly request: Extract<Request, { op: 'profile_activate' }>;
  readonly requestId: string;
  readonly identity: Identity;
}

export interface ActivationContext {
  readonly store: Store;
  readonly pending: PendingBookmarks;
  /** What a decision goes by; `stateOf` tells how the other services stand. */
  readonly optionsFor: (service: string, stateOf: ActivationContext['stateOf']) => DecideOptions;
  /** Where a service stands once what was decided before is stored. */
  readonly stateOf: (service: string) => ServiceState;
}

/** What becomes of one service. */
export interface Activated {
  readonly before: ServiceState;
  readonly decision: Decision;
}

export interface Activation {
  readonly result: Result;
  /** Empty where the profile is refused. */
  readonly activated: readonly Activated[];
}

export async function decideActivation(
  state: ServiceState,
  { request, identity }: ActivationChange,
  { store, pending, optionsFor, stateOf }: ActivationContext,
): Promise<Activation> {
  const refuse = (status: 'denied' | 'rejected', problem: Problem): Activation => ({
    result: answer(state, store.epoch, status, { problem }),
    activated: [],
  });
  const denied = authorise(identity, request);
  if (denied) return refuse('denied', createProblem('access_denied', denied));
  const profile = await pending.findProfile(request.profile);
  if (!profile) {
    return refuse(
      'rejected',
      createProblem('profile_unknown', `there is no profile ${request.profile}; see the profiles`),
    );
  }

  const stranger = Object.keys(profile.services).find((service) => !mayRead(identity, service));
  if (stranger !== undefined) {
    return refuse(
      'denied',
      createProblem('access_denied', `the profile changes ${stranger}, which this key is not for`),
    );
  }

  const versions = new Map<string, VersionRecord | undefined>();
  for (const [service, toVersion] of Object.entries(profile.services)) {
    versions.set(service, await store.findVersion(service, toVersion));
  }
  // Each is decided among the others as they will be: together they were valid, and references lead to what they led to.
  const stateThen = (service: string): ServiceState => {
    const latest = versions.get(service);
    return latest ? { ...stateOf(service), latest } : stateOf(service);
  };
  const activated: Activated[] = [];
  for (const [service, toVersion] of Object.entries(profile.services)) {
    const before = stateOf(service);
    const version = versions.get(service);
    const reason = `profile ${request.profile}${request.reason === undefined ? '' : `: ${request.reason}`}`;
    const rollback = { ...forService(request, service), op: 'rollback', toVersion, reason } as const;
    const change = { kind: 'request', request: rollback, requestId: '', identity } as const;
    activated.push({ before, decision: decide(before, change, { ...optionsFor(service, stateThen), version }) });
  }
  const faults = activated.flatMap(refusalOf);
  if (faults.length > 0) {
    const detail = 'nothing was changed in any service; mend what refuses, or save the profile anew';
    return refuse('rejected', createProblem('document_invalid', detail, faults));
  }
  const services = Object.fromEntries(activated.map(({ decision: { result } }) => [result.service, result.version]));
  return { result: answer(state, store.epoch, 'applied', { services }), activated };
}

const forService = (
  { author, expiresAt }: ActivationChange['request'],
  service: string,
): Pick<Request, 'author' | 'service' | 'expiresAt'> => ({
  author,
  service,
  ...(expiresAt !== undefined && { expiresAt }),
});

/** Each fault of a service that refuses, with the service before its place. */
function refusalOf({ before: { service }, decision: { result } }: Activated): Fault[] {
  const { problem } = result;
  if (!problem) return [];
  const { errors = [{ pointer: '', message: problem.detail }] } = problem;
  return errors.map((fault) => ({ ...fault, pointer: `/${service}${fault.pointer}` }));
}
