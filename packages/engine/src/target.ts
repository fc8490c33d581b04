import {
  createProblem,
  type Fault,
  findUnsafeJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
  type Problem,
  type Request,
  readPointer,
} from '@setpoint/protocol';
import { applyPatch, type Operation as JsonPatchOperation } from 'rfc6902';
import { readMergePatch, writePointer } from './layer/overrides.ts';
import type { VersionRecord } from './store/store.ts';

/** The requests that ask for another document. */
export type RewriteRequest = Extract<Request, { op: 'merge' | 'validate' | 'patch' | 'replace' | 'rollback' }>;

/** The document that a request aims at, and the places it names for setting and for giving back. */
export type Target =
  | { readonly document: JsonObject; readonly set: readonly Pointer[]; readonly unset: readonly Pointer[] }
  | { readonly problem: Problem };

export interface TargetOptions {
  readonly service: string;
  /** The effective document now. */
  readonly present: JsonObject;
  /** The effective document without the runtime layer. */
  readonly beneath: JsonObject;
  /** For a rollback: the version asked for. */
  readonly version: VersionRecord | undefined;
}

export function targetOf(request: RewriteRequest, { service, present, beneath, version }: TargetOptions): Target {
  switch (request.op) {
    case 'merge':
    case 'validate':
      return mergeTarget(request.patch, present, beneath);
    case 'patch':
      return patchTarget(request.patch as JsonPatchOperation[], present);
    case 'replace':
      return { document: request.values, set: [], unset: [] };
    case 'rollback':
      return version && !version.deleted
        ? { document: version.snapshot.values, set: [], unset: [] }
        : { problem: createProblem('version_unknown', `${service} has no version ${request.toVersion} to go back to`) };
  }
}

/** RFC 7396, with one difference: null gives the place back to the layers beneath instead of emptying it. */
function mergeTarget(patch: JsonObject, present: JsonObject, beneath: JsonObject): Target {
  const { set: named, unset } = readMergePatch(patch);
  // An empty object in a patch changes nothing where there is an object already.
  const set = named.filter(
    ({ pointer, value }) => !isJsonObject(value) || !isJsonObject(readPointer(present, pointer)),
  );
  const cleared = unset.reduce((document, at) => writePointer(document, at, readPointer(beneath, at)), present);
  const document = set.reduce((result, { pointer, value }) => writePointer(result, pointer, value), cleared);
  return { document, set: set.map(({ pointer }) => pointer), unset };
}

function patchTarget(patch: JsonPatchOperation[], present: JsonObject): Target {
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
  return { document: document as JsonObject, set: [], unset: [] };
}
