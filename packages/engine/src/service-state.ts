import {
  isEqualJson,
  type JsonValue,
  type Pointer,
  type Problem,
  type Result,
  type ResultStatus,
  type ResultWith,
  type Snapshot,
} from '@setpoint/protocol';
import { leavesOf } from './document/leaf-settings.ts';
import { createOverlapTest } from './document/overlap.ts';
import type { Layer } from './layer/layer.ts';
import { type Override, writeSettings } from './layer/overrides.ts';
import { resolve } from './layer/resolve.ts';
import { isSecretIn, type SecretTest } from './schema/redact.ts';
import type { CompiledSchema } from './schema/schema.ts';
import type { LiveContract } from './schema/validate.ts';
import type { VersionRecord } from './store/store.ts';

/** Everything that a decision about one service depends on. It is never changed in place: a decision makes the next state. */
export interface ServiceState {
  readonly service: string;
  readonly latest: VersionRecord | undefined;
  readonly overrides: readonly Override[];
  /** What the sources said when they last made a valid document, lowest first. */
  readonly layers: readonly Layer[];
  /** The sources have been read since the authority started, well or badly. */
  readonly isRead: boolean;
  readonly schema: CompiledSchema | undefined;
  readonly contracts: readonly LiveContract[];
  /** What is wrong with the files or the schema since it was last read; the service goes on without it. */
  readonly sourceProblem: Problem | undefined;
  /** The schema has not been readable since the authority started: nothing can be checked, so nothing may change. */
  readonly isUncheckable: boolean;
}

const noLayers: readonly Layer[] = Object.freeze([]);
const noContracts: readonly LiveContract[] = Object.freeze([]);

export const emptyState = (service: string): ServiceState => ({
  service,
  latest: undefined,
  overrides: [],
  layers: noLayers,
  isRead: false,
  schema: undefined,
  contracts: noContracts,
  sourceProblem: undefined,
  isUncheckable: false,
});

/** The version of a service; 0 when it has never existed. */
export const versionOf = ({ latest }: ServiceState): number => latest?.snapshot.version ?? 0;

export const isDeleted = ({ latest }: ServiceState): boolean => latest === undefined || latest.deleted;

/**
 * The layers that the present document is made of. Where no source has been readable since the authority started,
 * what the document holds besides the runtime layer stands in for the file, so that no value is lost and no operator
 * is locked out.
 */
export function baseLayers(state: ServiceState): readonly Layer[] {
  if (state.layers.length > 0) return state.layers;
  const document = standIn(state);
  if (document === undefined) return noLayers;
  return [{ name: 'yaml_file', document, author: '', locate: () => undefined }];
}

function standIn(state: ServiceState): Layer['document'] | undefined {
  if (isDeleted(state) || !state.latest) return undefined;
  const { values } = state.latest.snapshot;
  // A service that operators made needs none: its runtime layer and the defaults are the whole document.
  if (isEqualJson(resolve({ ...state, layers: noLayers }).values, values)) return undefined;
  return writeSettings(
    values,
    state.overrides.map(({ pointer }) => ({ pointer })),
  );
}

/** Places that the schemas mark as secret now, or that the present version marked when it was made. */
export function secretTest({ schema, contracts, latest }: ServiceState): SecretTest {
  const places = [schema, ...contracts.map((contract) => contract.schema)].flatMap((part) => part?.secrets ?? []);
  const isStored = isSecretIn(latest?.snapshot.secrets ?? []);
  return (pointer: Pointer) => isStored(pointer) || places.some((place) => place.touches(pointer));
}

/** The schemas that describe a document: the authority's own, then the contracts of running instances. */
export const schemasOf = ({ schema, contracts }: ServiceState): CompiledSchema[] =>
  [schema, ...contracts.map((contract) => contract.schema)].filter((each) => each !== undefined);

/** The schemas that a document must satisfy: the authority's own, or without one the contracts of what runs. */
export const schemasInForce = ({ schema, contracts }: ServiceState): CompiledSchema[] =>
  schema ? [schema] : contracts.map((contract) => contract.schema);

/** The secrets of a version: what it marked when it was made, and what the schemas mark in it now. */
export function secretPlaces(
  state: ServiceState,
  { values, secrets }: Pick<Snapshot, 'values' | 'secrets'>,
): Pointer[] {
  const now = schemasOf(state).flatMap((schema) => schema.secrets.within(values));
  const marked = [...new Set([...secrets, ...now])];
  // A value of another kind than the schema says may be a secret that has lost its place.
  const [mayHold, isMarked] = [secretTest(state), createOverlapTest(marked)];
  const lost = leavesOf(values).filter(
    ({ pointer, value }) => !isEmpty(value) && mayHold(pointer) && !isMarked(pointer),
  );
  return [...marked, ...lost.map(({ pointer }) => pointer)].sort();
}

const isEmpty = (value: JsonValue): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** What a result of a status says besides where the service stands. */
type MembersOf<Status extends ResultStatus> = Omit<
  ResultWith<Status>,
  'status' | 'service' | 'epoch' | 'version' | 'digest' | keyof ResultLists
> &
  Partial<ResultLists>;
type ResultLists = Pick<Result, 'changed' | 'restartRequired' | 'warnings'>;

/** The answer to a request: where the service stands, and `rest`. */
export function answer<Status extends ResultStatus>(
  state: ServiceState,
  epoch: number,
  status: Status,
  ...[rest]: Record<string, never> extends MembersOf<Status> ? [MembersOf<Status>?] : [MembersOf<Status>]
): ResultWith<Status> {
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
    // `rest` has what this status asks for; TypeScript does not follow that through the spread of a generic type.
  } as ResultWith<Status>;
}
