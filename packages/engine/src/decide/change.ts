import type { Problem, Request, Result, Rewrite } from '@setpoint/protocol';
import type { Identity } from '../access.ts';
import type { Authoring } from '../authoring.ts';
import type { Layer } from '../layer/layer.ts';
import type { FindService } from '../layer/references.ts';
import type { ServicePolicy } from '../rule/policy.ts';
import type { OtherServices, RuleSet } from '../rule/rule.ts';
import type { CompiledSchema } from '../schema/schema.ts';
import type { ServiceState } from '../service-state.ts';
import type { StoredDraft, StoredSources, VersionRecord } from '../store/store.ts';

/** What may change a service. All of it comes through `decide`. */
export type Change = RequestChange | SourcesChange | ReferenceChange;

export interface RequestChange {
  readonly kind: 'request';
  readonly request: WriteRequest;
  readonly requestId: string;
  readonly identity: Identity;
}

export type WriteRequest = Extract<Request, { op: Rewrite['op'] }>;

/** The sources of a service, or the schema beside them, were read. */
export interface SourcesChange {
  readonly kind: 'sources';
  /** Lowest first; empty where no source says anything of the service. */
  readonly layers: readonly Layer[];
  /** Undefined where there is no schema, or it can't be used. */
  readonly schema: CompiledSchema | undefined;
  /** What can't be read: the last good layers and schema are kept then. */
  readonly problem?: Problem;
  readonly isSchemaBroken?: boolean;
}

/** Another service, that the document refers to, has a new version. */
export interface ReferenceChange {
  readonly kind: 'reference';
  readonly to: string;
  readonly version: number;
}

export interface DecideOptions {
  readonly epoch: number;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** Bytes of the document as JSON. */
  readonly maxDocumentBytes: number;
  /** For a rollback: the version asked for. For a draft: the one it was begun from. */
  readonly version?: VersionRecord | undefined;
  /** For a draft that is to be published. */
  readonly draft?: StoredDraft | undefined;
  /** Where references into other services lead. @default nowhere */
  readonly findService?: FindService | undefined;
  /** The policy of the organisation for the service. @default `defaultPolicy` */
  readonly policy?: ServicePolicy | undefined;
  /** Asked besides those that are always asked. @default none */
  readonly rules?: RuleSet | undefined;
  /** The other services, as they stand. @default none */
  readonly otherServices?: OtherServices | undefined;
  /** Reads imports and proposes fixes. @default none */
  readonly authoring?: Authoring | undefined;
}

export interface Decision {
  readonly result: Result;
  /** What the service is after it. */
  readonly state: ServiceState;
  /** Set where there is a new version to store and publish. */
  readonly record?: VersionRecord;
  /** What the version was made of besides what operators set. */
  readonly sources?: StoredSources;
  /** With `valid`: the version that it would be. */
  readonly proposed?: VersionRecord;
}
