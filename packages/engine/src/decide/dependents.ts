import { compose } from '../layer/compose.ts';
import type { FindService } from '../layer/references.ts';
import { isDeleted, type ServiceState, secretTest } from '../service-state.ts';
import type { VersionRecord } from '../store/store.ts';
import type { ReferenceChange, SourcesChange } from './change.ts';

/** Services whose documents refer to those of others, and follow them. */
export interface Followers {
  /** Where references lead, with these drafts of states. */
  findService(stateOf: (service: string) => ServiceState): FindService;
  /** Notes what the sources of a service said; what was refused is tried again when what it refers to changes. */
  noteSources(service: string, sources: SourcesChange, isRefused: boolean): void;
  /** What is to be decided anew after these versions. */
  following(made: readonly VersionRecord[], states: Iterable<ServiceState>): readonly Following[];
}

export interface Following {
  readonly service: string;
  readonly change: ReferenceChange | SourcesChange;
}

export function createFollowers(): Followers {
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
      const isFollowing = sources.problem === undefined && compose(sources.layers).services.length > 0;
      if (isRefused && isFollowing) refused.set(service, sources);
      else refused.delete(service);
    },
    following(made, states) {
      const versions = new Map(made.map(({ snapshot }) => [snapshot.service, snapshot.version]));
      if (versions.size === 0) return [];
      const again = [...refused].filter(([, { layers }]) => compose(layers).services.some((to) => versions.has(to)));
      const found: Following[] = again.map(([service, change]) => ({ service, change }));
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
