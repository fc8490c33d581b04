import {
  createProblem,
  findUnsafeJson,
  isJsonObject,
  type JsonObject,
  type PatchOperation,
  type Pointer,
  type Problem,
  type Request,
} from '@setpoint/protocol';
import { applyJsonPatch } from './json-patch.ts';
import { type Override, readMergePatch, readSetting, writeSettings } from './layer/overrides.ts';
import { createWithinTest } from './overlap.ts';
import type { VersionRecord } from './store/store.ts';

/** The requests that ask for another document. */
export type RewriteRequest = Extract<Request, { op: 'merge' | 'validate' | 'patch' | 'replace' | 'rollback' }>;

/** The document that a request aims at. */
export type Target =
  | { readonly target: JsonObject; readonly pinned: readonly Pointer[] }
  | { readonly problem: Problem };

export interface TargetOptions {
  readonly service: string;
  readonly overrides: readonly Override[];
  /** The effective document with a runtime layer. */
  readonly resolve: (overrides: readonly Override[]) => JsonObject;
  /** For a rollback: the version asked for. */
  readonly version: VersionRecord | undefined;
  /** Bytes of the document as JSON. */
  readonly maxDocumentBytes: number;
}

export function targetOf(request: RewriteRequest, options: TargetOptions): Target {
  switch (request.op) {
    case 'merge':
    case 'validate':
      return mergeTarget(request.patch, options);
    case 'patch':
      return patchTarget(request.patch, options);
    // A whole document says nothing of who set what: the runtime layer is only what leads to it.
    case 'replace':
      return { target: request.values, pinned: [] };
    case 'rollback':
      return rollbackTarget(request.toVersion, options);
  }
}

function rollbackTarget(toVersion: number, { service, version }: TargetOptions): Target {
  if (version && !version.deleted) return { target: version.snapshot.values, pinned: [] };
  return { problem: createProblem('version_unknown', `${service} has no version ${toVersion} to go back to`) };
}

/** RFC 7396, with one difference: null gives the place back to the layers beneath instead of emptying it. */
function mergeTarget(patch: JsonObject, { overrides, resolve }: TargetOptions): Target {
  const { set: named, unset } = readMergePatch(patch);
  const isGivenBack = createWithinTest(unset);
  const kept = overrides.filter(({ pointer }) => !isGivenBack(pointer));
  const uncovered = resolve(unset.length > 0 ? kept : overrides);
  // An empty object in a patch changes nothing where there is an object already.
  const set = named.filter(
    ({ pointer, value }) => !isJsonObject(value) || !isJsonObject(readSetting(uncovered, pointer)),
  );
  return { target: writeSettings(uncovered, set), pinned: [...kept, ...set].map(({ pointer }) => pointer) };
}

function patchTarget(
  patch: readonly PatchOperation[],
  { overrides, resolve, maxDocumentBytes }: TargetOptions,
): Target {
  const { document, faults } = applyJsonPatch(resolve(overrides), patch, { maxCopyBytes: maxDocumentBytes });
  if (faults.length > 0) {
    return { problem: createProblem('patch_failed', 'read the document again and make a patch that fits it', faults) };
  }
  if (!isJsonObject(document)) return { problem: createProblem('patch_failed', 'the patch leaves no object') };
  const unsafe = findUnsafeJson(document);
  if (unsafe) return { problem: createProblem('patch_failed', `the patched document ${unsafe}`) };
  return { target: document, pinned: overrides.map(({ pointer }) => pointer) };
}
