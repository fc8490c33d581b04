import {
  createProblem,
  type Found,
  isReadOperation,
  type JsonObject,
  type Problem,
  type Request,
  type Result,
} from '@setpoint/protocol';
import type { Identity } from '../access.ts';
import type { Authoring } from '../authoring.ts';
import type { InstanceState } from '../convergence.ts';
import type { FindService } from '../layer/references.ts';
import type { ServiceState } from '../service-state.ts';
import type { Store } from '../store/store.ts';

export type ReadRequest = Extract<
  Request,
  {
    op:
      | 'log'
      | 'diff'
      | 'show'
      | 'explain'
      | 'blame'
      | 'tags'
      | 'drafts'
      | 'export'
      | 'schema'
      | 'preview_schema'
      | 'profiles'
      | 'history'
      | 'search'
      | 'instances'
      | 'fsck';
  }
>;
/** Whether a request only reads. */
export const isReadRequest = (request: Request): request is ReadRequest => isReadOperation(request);

export type Read<Op extends ReadRequest['op']> = Extract<ReadRequest, { op: Op }>;
/** What a read needs besides the state of the service. */
export interface ReadContext {
  readonly store: Store;
  readonly identity: Identity;
  /** Writes exports and previews schemas; undefined where the engine has none. */
  readonly authoring: Authoring | undefined;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** Every service that exists. */
  readonly states: () => readonly ServiceState[];
  readonly instances: () => readonly InstanceState[];
  readonly stateOf: (service: string) => ServiceState;
  readonly findService: FindService;
  /** The document that a merge would make. */
  readonly preview: (state: ServiceState, patch: JsonObject) => { readonly values: JsonObject } | Refused;
}

export interface Refused {
  readonly problem: Problem;
}

/** What a read adds to its result, or why it is refused. */
export type ReadOutcome = Pick<Result, 'log' | 'diff' | 'found'> | Refused;

export const found = (content: Found): ReadOutcome => ({ found: content });

export const noSetting = (service: string, pointer: string): Refused => ({
  problem: createProblem('setting_unknown', `${service} has no setting ${pointer}; see what it has`),
});
