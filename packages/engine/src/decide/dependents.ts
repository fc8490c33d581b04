import { compose } from '../layer/compose.ts';
import type { FindService } from '../layer/references.ts';
import { isDeleted, type ServiceState, secretTest } from '../service-state.ts';
import type { VersionRecord } from '../store/store.ts';
import type { ReferenceChange, SourcesChange } from './change.ts';

/** Services whose documents refer to those of other services: a change there is a change here. */
export interface Dependents {
  /** Looks up what references lead to, in the given states. */
  findService(stateOf: (service: string) => ServiceState): FindService;
  /** Remembers refused sources that refer to other services: they are tried again when one of those changes. */
  noteSources(service: string, sources: SourcesChange, isRefused: boolean): void;
  /** The changes to decide because these versions were made. */
  changesAfter(made: readonly VersionRecord[], states: Iterable<ServiceState>): readonly DependentChange[];
}

export interface DependentChange {
  readonly service: string;
  readonly change: ReferenceChange | SourcesChange;
}

export function createDependents(): Dependents {
  const refused = new Map<string, SourcesChange>();
  const wantedBy = (service: string): readonly string[] => compose(refused.get(service)?.layers ?? noLayers).services;

  return {
    findService: (stateOf) => (service) => {
      const state = stateOf(service);
      const refersTo = [...compose(state.layers).services, ...wantedBy(service)];
      const values = isDeleted(state) ? undefined : state.latest?.snapshot.values;
      return { values, isSecret: secretTest(state), refersTo };
    },
    noteSources(service, sources, isRefused) {
      const isDependent = sources.problem === undefined && compose(sources.layers).services.length > 0;
      if (isRefused && isDependent) refused.set(service, sources);
      else refused.delete(service);
    },
    changesAfter(made, states) {
      const versions = new Map(made.map(({ snapshot }) => [snapshot.service, snapshot.version]));
      if (versions.size === 0) return [];
      const again = [...refused].filter(([, { layers }]) => compose(layers).services.some((to) => versions.has(to)));
      const found: DependentChange[] = again.map(([service, change]) => ({ service, change }));
      for (const { service, layers } of states) {
        if (layers.length === 0) continue;
        for (const to of compose(layers).services) {
          const version = versions.get(to);
          if (version !== undefined) found.push({ service, change: { kind: 'reference', to, version } });
        }
      }
      return found;
    },
  };
}

const noLayers: SourcesChange['layers'] = [];
