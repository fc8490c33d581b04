import type { JsonObject, JsonValue } from '../json.ts';
import type { Pointer } from '../pointer.ts';
import type { Fault } from '../problem.ts';
import type { InstanceStanding } from './convergence.ts';
import type { ConfigReport, Health } from './health.ts';

/** The layers of a document, highest precedence first. */
export const layerNames = [
  'cli_argument',
  'runtime_update',
  'environment',
  'env_file',
  'yaml_file',
  'default',
] as const;
export type LayerName = (typeof layerNames)[number];

/** One value of one layer. */
export interface LayerValue {
  readonly layer: LayerName;
  /** Masked where the place is a secret. */
  readonly value: JsonValue;
  /** The file it is in, with the line. */
  readonly file?: string;
  readonly line?: number;
  /** The environment variable, or the argument. */
  readonly name?: string;
  /** The operator who set it at run time, the version, the time (RFC 3339) and the reason. */
  readonly author?: string;
  readonly version?: number;
  readonly at?: string;
  readonly reason?: string;
}

/** Where the value at a place comes from. */
export interface Explanation extends LayerValue {
  readonly pointer: Pointer;
  /** Whether a running process takes a change of it over. */
  readonly hot: boolean;
  readonly secret: boolean;
  readonly description?: string;
  /** The values of lower layers that it hides, highest first. */
  readonly beneath: readonly LayerValue[];
}

/** Who last changed the value at a place. */
export interface Blame {
  readonly pointer: Pointer;
  readonly version: number;
  readonly author: string;
  readonly reason: string;
  readonly committedAt: string;
}

/** A name for a version. */
export interface Tag {
  readonly service: string;
  readonly tag: string;
  readonly version: number;
  readonly author: string;
  readonly reason: string;
  readonly at: string;
}

/** A saved, unpublished change; `base` is the version it was begun from. */
export interface DraftSummary {
  readonly service: string;
  readonly draft: string;
  readonly base: number;
  readonly author: string;
  readonly reason: string;
  readonly at: string;
}

/** A set of services with the version of each. */
export interface Profile {
  readonly profile: string;
  readonly services: Readonly<Record<string, number>>;
  readonly author: string;
  readonly reason: string;
  readonly at: string;
}

/** One setting that was found. */
export interface SearchHit {
  readonly service: string;
  readonly pointer: Pointer;
  /** Masked where the place is a secret. */
  readonly value: JsonValue;
  /** 1 exact, 0.8 prefix, 0.6 contains, 0.3 in the description. */
  readonly score: number;
  readonly description?: string;
}

/** An instance as the authority knows it. Without `version` it runs none, or was lost while no authority was running. */
export interface KnownInstance
  extends Pick<Health, 'instance' | 'service' | 'ok' | 'state' | 'event' | 'startedAt'>,
    Partial<Pick<ConfigReport, 'source' | 'epoch' | 'version' | 'appliedAt' | 'pendingRestart'>> {
  /** Whether its keepalives have stopped. */
  readonly silent: boolean;
  /** Compared with the present version; null when there is none. */
  readonly standing: InstanceStanding | null;
  /** Since when it has been in this state and run this version; null when unknown. RFC 3339. */
  readonly since: string | null;
  /** What is wrong. */
  readonly detail?: string;
}

/** One fault in a chain of versions. */
export interface ChainFault {
  readonly service: string;
  readonly version: number;
  readonly message: string;
}

/** One place where two documents differ. */
export interface Difference {
  readonly pointer: Pointer;
  /** Left out when there was no value. */
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

/** What another schema would make of a document. Secrets are masked. */
export interface SchemaPreview {
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly changed: readonly Difference[];
  /** What the schema, or the contract of an instance, would refuse. */
  readonly faults: readonly Fault[];
  /** Running instances whose contract the new document breaks: the change would be refused for them. */
  readonly brokenInstances: readonly string[];
  /** Old names that files still use. */
  readonly warnings: readonly Fault[];
}

/** What a read operation found: a `found` result has the members of its operation. */
export interface Found {
  /** Secrets are masked. */
  readonly document?: JsonObject;
  readonly secrets?: readonly Pointer[];
  readonly restartRequired?: readonly Pointer[];
  readonly explanation?: readonly Explanation[];
  readonly blame?: readonly Blame[];
  readonly tags?: readonly Tag[];
  readonly drafts?: readonly DraftSummary[];
  readonly profiles?: readonly Profile[];
  readonly hits?: readonly SearchHit[];
  readonly instances?: readonly KnownInstance[];
  /** With `fsck`: how many versions were verified, and what is wrong; empty when all is well. */
  readonly verified?: number;
  readonly faults?: readonly ChainFault[];
  /** With `export`. */
  readonly text?: string;
  /** With `schema`: the JSON Schema of the document; null when there is none. */
  readonly schema?: JsonObject | null;
  readonly preview?: SchemaPreview;
  /** With `backup`: its name in the folder of backups, and its size. */
  readonly file?: string;
  readonly bytes?: number;
}
