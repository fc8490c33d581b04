import { z } from 'zod';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Pointer } from '../pointer.ts';
import type { Fault } from '../problem.ts';
import { type InstanceStanding, instanceStandings } from './convergence.ts';
import { count, fault, jsonObject, name, pointer, version } from './fields.ts';
import { type ConfigReport, configOrigins, type Health, healthEvents, healthStates } from './health.ts';

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

const jsonValue = z.custom<JsonValue>((value) => value !== undefined);

/**
 * Checks what a read found. Members that a newer authority adds are kept, so that a program that prints the whole result
 * prints them.
 */
export function createFoundSchema(): z.ZodType<Found> {
  const layerValue = {
    layer: z.enum(layerNames),
    value: jsonValue,
    file: z.string().exactOptional(),
    line: count.exactOptional(),
    name: z.string().exactOptional(),
    author: z.string().exactOptional(),
    version: count.exactOptional(),
    at: z.string().exactOptional(),
    reason: z.string().exactOptional(),
  };
  const explanation: z.ZodType<Explanation> = z.looseObject({
    ...layerValue,
    pointer,
    hot: z.boolean(),
    secret: z.boolean(),
    description: z.string().exactOptional(),
    beneath: z.array(z.looseObject(layerValue)),
  });
  const made = { author: z.string(), reason: z.string() };
  const blame: z.ZodType<Blame> = z.looseObject({ ...made, pointer, version, committedAt: z.string() });
  const tag: z.ZodType<Tag> = z.looseObject({ ...made, service: name, tag: z.string(), version, at: z.string() });
  const draft: z.ZodType<DraftSummary> = z.looseObject({
    ...made,
    service: name,
    draft: z.string(),
    base: count,
    at: z.string(),
  });
  const profile: z.ZodType<Profile> = z.looseObject({
    ...made,
    profile: z.string(),
    services: z.record(name, version),
    at: z.string(),
  });
  const hit: z.ZodType<SearchHit> = z.looseObject({
    service: name,
    pointer,
    value: jsonValue,
    score: z.number(),
    description: z.string().exactOptional(),
  });
  const instance: z.ZodType<KnownInstance> = z.looseObject({
    instance: z.string(),
    service: z.string(),
    ok: z.boolean(),
    state: z.enum(healthStates),
    event: z.enum(healthEvents),
    startedAt: z.string(),
    source: z.enum(configOrigins).exactOptional(),
    epoch: count.exactOptional(),
    version: count.exactOptional(),
    appliedAt: z.string().exactOptional(),
    pendingRestart: z.array(pointer).exactOptional(),
    silent: z.boolean(),
    standing: z.enum(instanceStandings).nullable(),
    since: z.string().nullable(),
    detail: z.string().exactOptional(),
  });
  const difference: z.ZodType<Difference> = z.looseObject({
    pointer,
    before: jsonValue.exactOptional(),
    after: jsonValue.exactOptional(),
  });
  const preview: z.ZodType<SchemaPreview> = z.looseObject({
    before: jsonObject,
    after: jsonObject,
    changed: z.array(difference),
    faults: z.array(fault),
    brokenInstances: z.array(z.string()),
    warnings: z.array(fault),
  });
  return z.looseObject({
    document: jsonObject.exactOptional(),
    secrets: z.array(pointer).exactOptional(),
    restartRequired: z.array(pointer).exactOptional(),
    explanation: z.array(explanation).exactOptional(),
    blame: z.array(blame).exactOptional(),
    tags: z.array(tag).exactOptional(),
    drafts: z.array(draft).exactOptional(),
    profiles: z.array(profile).exactOptional(),
    hits: z.array(hit).exactOptional(),
    instances: z.array(instance).exactOptional(),
    verified: count.exactOptional(),
    faults: z.array(z.looseObject({ service: z.string(), version: count, message: z.string() })).exactOptional(),
    text: z.string().exactOptional(),
    schema: jsonObject.nullable().exactOptional(),
    preview: preview.exactOptional(),
    file: z.string().exactOptional(),
    bytes: count.exactOptional(),
  });
}
