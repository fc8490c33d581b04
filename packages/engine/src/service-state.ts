import type { Pointer, Problem, Result, ResultStatus } from '@setpoint/protocol';
import { isEqualJson } from '@setpoint/protocol';
import type { Layer } from './layer/layer.ts';
import { type Override, writeSettings } from './layer/overrides.ts';
import { isSecretIn, type SecretTest } from './redact.ts';
import { resolve } from './resolve.ts';
import type { CompiledSchema } from './schema.ts';
import type { VersionRecord } from './store/store.ts';
import type { LiveContract } from './validate.ts';

/** All that a decision about one service looks at. Never changed in place: a decision makes the next one. */
export interface ServiceState {
  readonly service: string;
  readonly latest: VersionRecord | undefined;
  readonly overrides: readonly Override[];
  /** The last file that made a valid document. */
  readonly file: Layer | undefined;
  readonly schema: CompiledSchema | undefined;
  readonly contracts: readonly LiveContract[];
  /** What is wrong with the file or its schema since it was last read; the service goes on without it. */
  readonly sourceProblem: Problem | undefined;
  /** The schema has not been readable since the authority started: nothing can be checked, so nothing may change. */
  readonly isUncheckable: boolean;
}

export const emptyState = (service: string): ServiceState => ({
  service,
  latest: undefined,
  overrides: [],
  file: undefined,
  schema: undefined,
  contracts: [],
  sourceProblem: undefined,
  isUncheckable: false,
});

/** 0 where the service has never existed. */
export const versionOf = ({ latest }: ServiceState): number => latest?.snapshot.version ?? 0;

export const isDeleted = ({ latest }: ServiceState): boolean => latest === undefined || latest.deleted;

/**
 * The layer beneath the runtime layer. Where the file is gone, or has not been readable since the authority started,
 * what the present document holds besides the runtime layer stands in for it, so that no value is lost and no
 * operator is locked out.
 */
export function baseLayer(state: ServiceState): Layer {
  return state.file ?? { document: standIn(state), author: '', locate: () => undefined };
}

const empty: Layer['document'] = Object.freeze({});

function standIn(state: ServiceState): Layer['document'] {
  if (isDeleted(state) || !state.latest) return empty;
  const { values } = state.latest.snapshot;
  // A service that operators made needs none: its runtime layer and the defaults are the whole document.
  if (isEqualJson(resolve({ ...state, file: undefined }).values, values)) return empty;
  return writeSettings(
    values,
    state.overrides.map(({ pointer }) => ({ pointer })),
  );
}

/** Secret is what the schemas mark now and what the present version marked when it was made. */
export function secretTest({ schema, contracts, latest }: ServiceState): SecretTest {
  const places = [schema, ...contracts.map((contract) => contract.schema)].flatMap((part) => part?.secrets ?? []);
  const isStored = isSecretIn(latest?.snapshot.secrets ?? []);
  return (pointer: Pointer) => isStored(pointer) || places.some((place) => place.touches(pointer));
}

/** An answer about the service as it stands. */
export function answer(
  state: ServiceState,
  epoch: number,
  status: ResultStatus,
  rest: Partial<Omit<Result, 'status' | 'service'>> = {},
): Result {
  const stamp = state.latest?.snapshot;
  return {
    status,
    service: state.service,
    epoch: stamp?.epoch ?? epoch,
    version: stamp?.version ?? 0,
    ...(stamp && { digest: stamp.digest }),
    changed: [],
    restartRequired: [],
    warnings: [],
    ...rest,
  };
}
