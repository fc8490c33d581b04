import {
  createProblem,
  type Explanation,
  type ExportFormat,
  type Fault,
  type JsonObject,
  type PatchOperation,
  type Pointer,
  type Problem,
  type SchemaPreview,
  type Snapshot,
} from '@setpoint/protocol';
import type { Layer } from './layer/layer.ts';
import type { Override } from './layer/overrides.ts';
import type { FindService } from './layer/references.ts';
import type { Confidential } from './rule/hide-secrets.ts';
import type { Rule } from './rule/rule.ts';
import type { SecretTest } from './schema/redact.ts';
import type { CompiledSchema } from './schema/schema.ts';
import type { LiveContract } from './schema/validate.ts';

/**
 * What helps people write configuration. The engine decides without it; it is asked only by requests that export,
 * import, ask for a fix, or preview a schema. `@setpoint/authoring` implements it.
 */
export interface Authoring {
  /** A version as text, with the mask in place of every secret. */
  exportDocument(source: ExportSource, format: ExportFormat): string;
  /** The document that a text describes. A mask in it keeps the present secret at its place. */
  parseImport(text: string, format: 'yaml' | 'json', present: PresentDocument): ParsedImport;
  /** The smallest patch that mends the faults, or some of them; undefined where none is known. */
  proposeFix(
    document: JsonObject,
    faults: readonly Fault[],
    schema: CompiledSchema,
    options: FixOptions,
  ): FixProposal | undefined;
  /** What a new schema would make of a service. */
  previewMigration(subject: MigrationSubject, schema: CompiledSchema): SchemaPreview;
}

/** A version of a service that is to be exported. */
export interface ExportSource {
  readonly service: string;
  /** The effective document, with its secrets. */
  readonly values: JsonObject;
  /** The places in `values` that are secret. */
  readonly secrets: readonly Pointer[];
  /** Where each value comes from. */
  readonly explanation: readonly Explanation[];
  readonly stamp: Pick<Snapshot, 'epoch' | 'version' | 'digest' | 'author' | 'committedAt'>;
  /** The time of the export. Unix time in milliseconds. */
  readonly now: number;
}

/** What a service has at the moment of an import. */
export interface PresentDocument {
  readonly values: JsonObject;
  readonly secrets: readonly Pointer[];
}

export type ParsedImport = { readonly values: JsonObject } | { readonly faults: readonly Fault[] };

export interface FixOptions {
  /** Whether numbers may also be pulled into their bounds, which changes what the author meant. */
  readonly clamp: boolean;
  /** A proposal is shown, so no value at a secret place may be read into it. */
  readonly isSecret: SecretTest;
  /** Returns everything that is wrong with a document. */
  readonly check: (document: JsonObject) => readonly Fault[];
  /** The document before a request that sets single settings: a misspelt one may replace what was there. */
  readonly present?: JsonObject | undefined;
  /** Rules that may know how to mend what they find. @default none */
  readonly rules?: readonly Rule[];
  /** Other documents that the rules could see: no step of theirs may repeat a secret of these. @default none */
  readonly confidential?: readonly Confidential[];
  /** Called with a fault whose rule proposes a step that would show a secret. Such a step is not tried. */
  readonly onWithheld?: (fault: Fault) => void;
}

/** A patch that would mend a document. It has not been applied. */
export interface FixProposal {
  /** Never empty. */
  readonly patch: readonly PatchOperation[];
  /** The document with the patch applied. */
  readonly document: JsonObject;
  /** What is still wrong with it; empty for a complete fix. */
  readonly remaining: readonly Fault[];
}

/** A service as it stands before a new schema. */
export interface MigrationSubject {
  readonly schema: CompiledSchema | undefined;
  readonly layers: readonly Layer[];
  readonly overrides: readonly Override[];
  readonly contracts: readonly LiveContract[];
  readonly isSecret: SecretTest;
  readonly findService?: FindService | undefined;
}

/** The answer to a request that needs `Authoring` where the engine was opened without it. */
export const withoutAuthoring = (operation: string): Problem =>
  createProblem('request_malformed', `this authority does not ${operation}: its engine was opened without authoring`);
