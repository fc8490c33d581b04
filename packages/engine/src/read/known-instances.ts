import type { KnownInstance, Request } from '@setpoint/protocol';
import { type Identity, mayRead } from '../access.ts';
import type { InstanceState } from '../convergence.ts';

const defaultInstances = 100;
/** Characters of what is wrong with one instance: a hundred of them have to fit into a message. */
const maxDetailLength = 300;
/** Places that wait for a restart, of one instance. */
const maxPlaces = 10;

/** The instances that the requester may see, sorted by name, starting after a name. */
export function pageOfInstances(
  instances: readonly InstanceState[],
  { of: service, after = '', limit = defaultInstances }: Extract<Request, { op: 'instances' }>,
  identity: Identity,
): KnownInstance[] {
  return instances
    .filter(({ health }) => health.instance > after && (service ?? health.service) === health.service)
    .filter(({ health }) => mayRead(identity, health.service))
    .sort((a, b) => (a.health.instance < b.health.instance ? -1 : 1))
    .slice(0, limit)
    .map(toKnown);
}

function toKnown({ health, standing, silent, since }: InstanceState): KnownInstance {
  const { instance, service, ok, state, event, startedAt, error, config } = health;
  const detail = error?.detail ?? (standing === 'rejected' ? config?.lastAttempt?.message : undefined);
  return {
    instance,
    service,
    ok,
    state,
    event,
    startedAt,
    silent,
    standing,
    since,
    ...(config && {
      source: config.source,
      ...(config.epoch !== undefined && { epoch: config.epoch }),
      ...(config.version !== undefined && { version: config.version }),
      ...(config.appliedAt !== undefined && { appliedAt: config.appliedAt }),
      ...(config.pendingRestart.length > 0 && { pendingRestart: config.pendingRestart.slice(0, maxPlaces) }),
    }),
    ...(detail !== undefined && { detail: detail.slice(0, maxDetailLength) }),
  };
}
