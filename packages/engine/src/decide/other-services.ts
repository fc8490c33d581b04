import type { Policies } from '../rule/policy.ts';
import type { OtherServices } from '../rule/rule.ts';
import { isDeleted, type ServiceState, secretTest } from '../service-state.ts';

/** The services as a decision finds them. */
export function createOtherServices(
  names: () => Iterable<string>,
  stateOf: (service: string) => ServiceState,
  policies: Policies,
): OtherServices {
  return {
    services: () => [...names()].filter((name) => !isDeleted(stateOf(name))).sort(),
    documentOf(name) {
      const state = stateOf(name);
      return isDeleted(state) ? undefined : state.latest?.snapshot.values;
    },
    schemaOf(name) {
      const { schema, contracts } = stateOf(name);
      return schema ?? contracts[0]?.schema;
    },
    isSecret: (name, pointer) => secretTest(stateOf(name))(pointer),
    dependsOn: (name) => policies.of(name).dependsOn,
  };
}
