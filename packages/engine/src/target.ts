import {
  createProblem,
  type Fault,
  findUnsafeJson,
  isJsonObject,
  isWithin,
  type JsonObject,
  type JsonValue,
  type Pointer,
  type Problem,
  type Request,
  readPointer,
} from '@setpoint/protocol';
import { applyPatch, type Operation as JsonPatchOperation } from 'rfc6902';
import { type Override, readMergePatch, writeSettings } from './layer/overrides.ts';
import type { VersionRecord } from './store/store.ts';

/** The requests that ask for another document. */
export type RewriteRequest = Extract<Request, { op: 'merge' | 'validate' | 'patch' | 'replace' | 'rollback' }>;

/** The document that a request aims at. */
export type Target =
  | { readonly document: JsonObject; readonly pinned: readonly Pointer[] }
  | { readonly problem: Problem };

export interface TargetOptions {
  readonly service: string;
  readonly overrides: readonly Override[];
  /** The effective document now. */
  readonly present: JsonObject;
  /** The effective document without the runtime layer. */
  readonly beneath: JsonObject;
  /** For a rollback: the version asked for. */
  readonly version: VersionRecord | undefined;
}

export function targetOf(request: RewriteRequest, options: TargetOptions): Target {
  switch (request.op) {
    case 'merge':
    case 'validate':
      return mergeTarget(request.patch, options);
    case 'patch':
      return patchTarget(request.patch as JsonPatchOperation[], options);
    // A whole document says nothing of who set what: the runtime layer is only what leads to it.
    case 'replace':
      return { document: request.values, pinned: [] };
    case 'rollback':
      return rollbackTarget(request.toVersion, options);
  }
}

function rollbackTarget(toVersion: number, { service, version }: TargetOptions): Target {
  if (version && !version.deleted) return { document: version.snapshot.values, pinned: [] };
  return { problem: createProblem('version_unknown', `${service} has no version ${toVersion} to go back to`) };
}

/** RFC 7396, with one difference: null gives the place back to the layers beneath instead of emptying it. */
function mergeTarget(patch: JsonObject, { present, beneath, overrides }: TargetOptions): Target {
  const { set: named, unset } = readMergePatch(patch);
  // An empty object in a patch changes nothing where there is an object already.
  const set = named.filter(
    ({ pointer, value }) => !isJsonObject(value) || !isJsonObject(readPointer(present, pointer)),
  );
  const givenBack = unset.map((pointer) => ({ pointer, value: readPointer(beneath, pointer) }));
  const document = writeSettings(present, [...givenBack, ...set]);
  const isGivenBack = ({ pointer }: Override): boolean => unset.some((place) => isWithin(pointer, place));
  const kept = overrides.filter((override) => !isGivenBack(override));
  return { document, pinned: [...kept, ...set].map(({ pointer }) => pointer) };
}

function patchTarget(patch: JsonPatchOperation[], { present, overrides }: TargetOptions): Target {
  const document = structuredClone(present) as JsonValue;
  const faults = applyPatch(document, structuredClone(patch)).flatMap((error, i): Fault[] => {
    const operation = patch[i];
    if (!error || !operation) return [];
    return [{ pointer: operation.path, message: `operation ${i} (${operation.op}) can't be done: ${error.name}` }];
  });
  if (faults.length > 0) {
    return { problem: createProblem('patch_failed', 'read the document again and make a patch that fits it', faults) };
  }
  const unsafe = isJsonObject(document) ? findUnsafeJson(document) : 'is no longer an object';
  if (unsafe) return { problem: createProblem('patch_failed', `the patched document ${unsafe}`) };
  return { document: document as JsonObject, pinned: overrides.map(({ pointer }) => pointer) };
}
