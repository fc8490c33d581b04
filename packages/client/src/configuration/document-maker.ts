import { isDeepStrictEqual } from 'node:util';
import {
  deepFreeze,
  type Fault,
  formatPointer,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type Pointer,
  readPointer,
  SetpointError,
  type Snapshot,
} from '@setpoint/protocol';
import type { z } from 'zod';
import { inTime } from '../apply.ts';
import { maxFaults } from '../refusal.ts';
import { type Overlay, overlay } from './overlay.ts';
import type { Policy } from './policy.ts';

export interface DocumentMakerOptions<T> {
  readonly schema: z.ZodType<T>;
  readonly policy: Policy;
  /** For the schema. Milliseconds. */
  readonly timeoutMs: number;
  readonly abandoned: AbortSignal;
  readonly now: () => number;
}

/** A document that the schema takes. */
export interface MadeDocument<T> {
  readonly document: T;
  /** What it was made of: as published, with what this machine puts in its place. */
  readonly values: JsonObject;
  /** Where this machine put something. */
  readonly masked: readonly Pointer[];
  /** It stands in for the live one: the boot policy put something in its place. */
  readonly isMakeshift: boolean;
  /** Undefined for defaults. */
  readonly snapshot: Snapshot | undefined;
  readonly at: string;
}

/** Makes documents of what was published, kept or left out: lays over it what this machine has, and looks whether it fits. */
export class DocumentMaker<T> {
  readonly #options: DocumentMakerOptions<T>;

  constructor(options: DocumentMakerOptions<T>) {
    this.#options = options;
  }

  /** @throws SetpointError `document_invalid`, `apply_timeout`; what the schema throws */
  async fromSnapshot(snapshot: Snapshot, from: 'live' | 'cache'): Promise<MadeDocument<T>> {
    const { overrides, bootDefaults } = this.#options.policy;
    const own = from === 'cache' ? new Map([...bootDefaults, ...overrides]) : overrides;
    const values = overlay(snapshot.values, own);
    const { success, data, error } = await this.#look(values);
    if (!success) throw this.#misfit(snapshot, error.issues);
    const isMakeshift = from === 'cache' && bootDefaults.size > 0;
    return { document: deepFreeze(data), values, masked: [...own.keys()], isMakeshift, snapshot, at: this.#time() };
  }

  /**
   * Of the schema's defaults, with what the boot policy puts in their place; what it keeps is taken from `lastGood`.
   * Undefined where that makes no complete document.
   */
  async fromDefaults(lastGood: Snapshot | undefined): Promise<MadeDocument<T> | undefined> {
    const { overrides, bootDefaults } = this.#options.policy;
    const kept = this.#kept(lastGood);
    if (!kept) return undefined;
    const { success, data } = await this.#look(overlay({}, new Map([...kept, ...bootDefaults, ...overrides])));
    if (!success) return undefined;
    const document = deepFreeze(data);
    const values = await this.#valuesOf(document);
    return {
      document,
      values,
      masked: [...overrides.keys()],
      isMakeshift: true,
      snapshot: undefined,
      at: this.#time(),
    };
  }

  /** As published, and as this machine has it: for who hides the secrets of both. */
  variantsOf(snapshot: Snapshot): Snapshot[] {
    return [snapshot, { ...snapshot, values: overlay(snapshot.values, this.#options.policy.overrides) }];
  }

  /** What the boot policy keeps; undefined where the last good one has not all of it. */
  #kept(lastGood: Snapshot | undefined): Overlay | undefined {
    const kept = new Map<Pointer, JsonValue>();
    for (const pointer of this.#options.policy.kept) {
      const value = lastGood && readPointer(lastGood.values, pointer);
      if (value === undefined) return undefined;
      kept.set(pointer, value);
    }
    return kept;
  }

  /** What would have to be published for this document; nothing, where the schema does not take it for itself. */
  async #valuesOf(document: T): Promise<JsonObject> {
    const copy: unknown = JSON.parse(JSON.stringify(document));
    if (!isJsonObject(copy)) return {};
    const { success, data } = await this.#look(copy);
    return success && isDeepStrictEqual(data, document) ? copy : {};
  }

  #look(values: JsonObject): Promise<z.ZodSafeParseResult<T>> {
    const { schema, timeoutMs, abandoned } = this.#options;
    return inTime(timeoutMs, 'the schema', schema.safeParseAsync(values), abandoned);
  }

  #misfit({ version }: Snapshot, issues: readonly z.core.$ZodIssue[]): SetpointError {
    const faults: Fault[] = issues.slice(0, maxFaults).map(({ path, message }) => ({
      pointer: formatPointer(path.map(String)),
      message,
    }));
    const text = faults.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
    const rest = issues.length > maxFaults ? `; and ${issues.length - maxFaults} more` : '';
    const masked = [...this.#options.policy.overrides.keys()];
    const own = masked.length > 0 ? ` (with this machine's overrides of ${masked.join(', ')})` : '';
    const message = `version ${version} does not fit the schema of this build${own}: ${text}${rest}`;
    return new SetpointError('document_invalid', message, { faults });
  }

  #time(): string {
    return new Date(this.#options.now()).toISOString();
  }
}
