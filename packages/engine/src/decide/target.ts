import {
  createProblem,
  type Fault,
  findUnsafeJson,
  isJsonObject,
  type JsonObject,
  type PatchOperation,
  type Pointer,
  type Problem,
  type Request,
  type Rewrite,
  readPointer,
} from '@setpoint/protocol';
import { type Authoring, withoutAuthoring } from '../authoring.ts';
import { applyJsonPatch } from '../document/json-patch.ts';
import { createWithinTest } from '../document/overlap.ts';
import { type Override, readMergePatch, readSetting, writeSettings } from '../layer/overrides.ts';
import type { SecretTest } from '../schema/redact.ts';
import type { StoredDraft, VersionRecord } from '../store/store.ts';
import { findContested } from '../version/draft-patch.ts';

/** The requests that ask for another document. */
export type RewriteRequest = Extract<Request, { op: Exclude<Rewrite['op'], 'delete'> }>;

/** The document that a request aims at. */
export type Target =
  | { readonly target: JsonObject; readonly pinned: readonly Pointer[] }
  | { readonly problem: Problem };

export interface TargetOptions {
  readonly service: string;
  readonly overrides: readonly Override[];
  /** The document that a runtime layer makes. */
  readonly resolve: (overrides: readonly Override[]) => JsonObject;
  /** For a rollback: the version asked for. For a draft: the one it was begun from. */
  readonly version: VersionRecord | undefined;
  readonly isSecret: SecretTest;
  /** The secrets of the present document. */
  readonly secrets: readonly Pointer[];
  /** For a draft that is to be published. */
  readonly draft: StoredDraft | undefined;
  /** Bytes of the document as JSON. */
  readonly maxDocumentBytes: number;
  readonly authoring?: Authoring | undefined;
}

export function targetOf(request: RewriteRequest, options: TargetOptions): Target {
  switch (request.op) {
    case 'merge':
      return mergeTarget(request.patch, options);
    case 'validate':
      return request.values ? { target: request.values, pinned: [] } : mergeTarget(request.patch ?? {}, options);
    case 'patch':
      return patchTarget(request.patch, options);
    // A whole document says nothing of who set what: the runtime layer is only what leads to it.
    case 'replace':
      return { target: request.values, pinned: [] };
    case 'import':
      return importTarget(request, options);
    case 'rollback':
      return rollbackTarget(request, options);
    case 'draft_publish':
      return draftTarget(request.draft, options);
  }
}

function importTarget(
  { text, format }: Extract<Request, { op: 'import' }>,
  { overrides, resolve, secrets, authoring }: TargetOptions,
): Target {
  if (!authoring) return { problem: withoutAuthoring('import') };
  const parsed = authoring.parseImport(text, format, { values: resolve(overrides), secrets });
  if ('values' in parsed) return { target: parsed.values, pinned: [] };
  return { problem: createProblem('document_invalid', 'the text to import is not a document; mend it', parsed.faults) };
}

function rollbackTarget(request: Extract<Request, { op: 'rollback' }>, options: TargetOptions): Target {
  const { service, version, overrides, resolve } = options;
  if (!version && request.toTag !== undefined) {
    const detail = `${service} has no tag ${request.toTag}; see its tags`;
    return { problem: createProblem('tag_unknown', detail) };
  }
  if (!version || version.deleted) {
    const name = request.toTag ?? request.toVersion;
    return { problem: createProblem('version_unknown', `${service} has no version ${name} to go back to`) };
  }
  const { values } = version.snapshot;
  const { pointers } = request;
  if (!pointers) return { target: values, pinned: [] };
  const present = resolve(overrides);
  const faults = pointers.flatMap((pointer) => findUnreachable(pointer, [present, values]));
  if (faults.length > 0) {
    return { problem: createProblem('setting_unknown', 'nothing was changed; name settings that are there', faults) };
  }
  const isGivenBack = createWithinTest(pointers);
  const settings = pointers.map((pointer) => ({ pointer, value: readSetting(values, pointer) }));
  const kept = overrides.map(({ pointer }) => pointer).filter((pointer) => !isGivenBack(pointer));
  return { target: writeSettings(present, settings), pinned: kept };
}

function findUnreachable(pointer: Pointer, documents: readonly JsonObject[]): Fault[] {
  if (documents.some((document) => readSetting(document, pointer) !== undefined)) return [];
  const isItem = documents.some((document) => readPointer(document, pointer) !== undefined);
  const message = isItem ? 'lies in a list, which goes back as a whole; name the list' : 'is in neither version';
  return [{ pointer, message }];
}

/** What the draft changes, over what the document has become; refused where both changed one place. */
function draftTarget(name: string, options: TargetOptions): Target {
  const { service, draft, version, overrides, resolve } = options;
  if (!draft || !version) {
    return { problem: createProblem('draft_unknown', `${service} has no draft ${name}; see its drafts`) };
  }
  const contested = findContested(draft.patch, version.snapshot.values, resolve(overrides));
  if (contested.length === 0) return mergeTarget(draft.patch, options);
  const detail = `${service} has changed since version ${draft.base}; look at the difference, then drop the draft and save it anew`;
  const faults = contested.map((pointer) => ({ pointer, message: 'was changed here and in the draft' }));
  return { problem: createProblem('draft_conflict', detail, faults) };
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

/** A patch speaks of what is there: what it takes from a secret place is a secret. */
function isLeak(operation: PatchOperation, isSecret: SecretTest): boolean {
  if (operation.op !== 'copy' && operation.op !== 'move') return false;
  // "-" is the item that there will be.
  return isSecret(operation.from) && !isSecret(operation.path.replace(/\/-$/, '/0'));
}

function patchTarget(
  patch: readonly PatchOperation[],
  { overrides, resolve, maxDocumentBytes, isSecret }: TargetOptions,
): Target {
  const leaks = patch.filter((operation) => isLeak(operation, isSecret));
  if (leaks.length > 0) {
    const message = 'would put a secret where everybody sees it; name its new place in the schema first';
    const faults = leaks.map(({ path }) => ({ pointer: path, message }));
    return { problem: createProblem('patch_failed', 'a secret stays in the place of a secret', faults) };
  }
  const { document, faults } = applyJsonPatch(resolve(overrides), patch, { maxCopyBytes: maxDocumentBytes });
  if (faults.length > 0) {
    return { problem: createProblem('patch_failed', 'read the document again and make a patch that fits it', faults) };
  }
  if (!isJsonObject(document)) return { problem: createProblem('patch_failed', 'the patch leaves no object') };
  const unsafe = findUnsafeJson(document);
  if (unsafe) return { problem: createProblem('patch_failed', `the patched document ${unsafe}`) };
  return { target: document, pinned: overrides.map(({ pointer }) => pointer) };
}
