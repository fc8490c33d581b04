import { createProblem, type Problem } from '@setpoint/protocol';
import { findNearName } from '@setpoint/protocol/internal';
import { type Identity, mayRead } from '../access.ts';
import type { OtherServices } from '../rule/rule.ts';
import { isDeleted, type ServiceState, schemasOf } from '../service-state.ts';

const shownNames = 10;

/**
 * Why a request is refused that must not make a service; undefined where there is one, or a schema or a running instance
 * says that there will be. Names only services that the requester may see.
 */
export function refuseUnknownService(
  state: ServiceState,
  identity: Identity,
  otherServices: OtherServices | undefined,
): Problem | undefined {
  const { service, latest } = state;
  if (!isDeleted(state) || schemasOf(state).length > 0) return undefined;
  if (latest) return createProblem('service_unknown', `${service} was deleted`);
  const names = (otherServices?.services() ?? []).filter((name) => name !== service && mayRead(identity, name));
  return createProblem('service_unknown', `there is no service ${service}${hintOf(service, names)}`);
}

function hintOf(service: string, names: readonly string[]): string {
  const near = findNearName(service, names);
  if (near !== undefined) return `; did you mean ${near}?`;
  if (names.length === 0) return '';
  const more = names.length > shownNames ? ` and ${names.length - shownNames} more` : '';
  return `; there ${names.length === 1 ? 'is' : 'are'} ${names.slice(0, shownNames).join(', ')}${more}`;
}
