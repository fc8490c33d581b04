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
import type { Policy } from '../options/policy.ts';
import { inTime } from '../transaction/handler-step.ts';
import { isDeepEqual } from './deep-equal.ts';
import { type Overlay, overlay } from './overlay.ts';
import { maskSecrets, maxFaults, toRefusal } from './refusal.ts';

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
    return {
      document: deepFreeze(data),
      values,
      masked: placedIn(values, own),
      isMakeshift,
      snapshot,
      at: this.#time(),
    };
  }

  /**
   * Of the schema's defaults, with what the boot policy puts in their place; what it keeps is taken from `lastGood`.
   * @throws SetpointError `document_invalid` where that makes no complete document, `apply_timeout`; what the schema throws
   */
  async fromDefaults(lastGood: Snapshot | undefined): Promise<MadeDocument<T>> {
    const { overrides, bootDefaults } = this.#options.policy;
    const own = new Map([...this.#kept(lastGood), ...bootDefaults, ...overrides]);
    const { success, data, error } = await this.#look(overlay({}, own)).catch((cause) => {
      throw maskOwn(toRefusal(cause), own);
    });
    if (!success) throw this.#defaultsMisfit(own, error.issues);
    const document = deepFreeze(data);
    const values = await this.#valuesOf(document);
    return {
      document,
      values,
      masked: placedIn(values, overrides),
      isMakeshift: true,
      snapshot: undefined,
      at: this.#time(),
    };
  }

  /** As published, and as this machine has it at a start and later: for who hides the secrets of all of them. */
  variantsOf(snapshot: Snapshot): Snapshot[] {
    const { overrides, bootDefaults } = this.#options.policy;
    const own = [overrides, new Map([...bootDefaults, ...overrides])].filter(({ size }) => size > 0);
    return [snapshot, ...own.map((values) => ({ ...snapshot, values: overlay(snapshot.values, values) }))];
  }

  /** What the boot policy keeps. */
  #kept(lastGood: Snapshot | undefined): Overlay {
    const kept = new Map<Pointer, JsonValue>();
    const missing: Fault[] = [];
    for (const pointer of this.#options.policy.kept) {
      const value = lastGood && readPointer(lastGood.values, pointer);
      if (value === undefined) missing.push({ pointer, message: 'is not in the last good document' });
      else kept.set(pointer, value);
    }
    if (missing.length === 0) return kept;
    const message = `what must be kept is missing (${missing.map(({ pointer }) => pointer).join(', ')})`;
    throw new SetpointError('document_invalid', message, { faults: missing });
  }

  /** What would have to be published for this document; nothing, where the schema does not take it for itself. */
  async #valuesOf(document: T): Promise<JsonObject> {
    const copy = jsonCopyOf(document);
    if (!isJsonObject(copy)) return {};
    const { success, data } = await this.#look(copy);
    return success && isDeepEqual(data, document) ? copy : {};
  }

  #look(values: JsonObject): Promise<z.ZodSafeParseResult<T>> {
    const { schema, timeoutMs, abandoned } = this.#options;
    return inTime(timeoutMs, 'the schema', schema.safeParseAsync(values), abandoned);
  }

  #misfit({ version }: Snapshot, issues: readonly z.core.$ZodIssue[]): SetpointError {
    const masked = [...this.#options.policy.overrides.keys()];
    const own = masked.length > 0 ? ` (with this machine's overrides of ${masked.join(', ')})` : '';
    return refusalFor(`version ${version} does not fit the schema of this build${own}`, issues);
  }

  /** Which of them are secret nobody has said yet: all of what this machine puts in their place is hidden. */
  #defaultsMisfit(own: Overlay, issues: readonly z.core.$ZodIssue[]): SetpointError {
    const laid = own.size > 0 ? ` (with what this machine has for ${[...own.keys()].join(', ')})` : '';
    const refusal = refusalFor(`the defaults of the schema make no document${laid}`, issues);
    return maskOwn(refusal, own);
  }

  #time(): string {
    return new Date(this.#options.now()).toISOString();
  }
}

/** Nobody has said yet which of the values of this machine are secret. */
const maskOwn = (error: SetpointError, own: Overlay): SetpointError =>
  maskSecrets(error, [{ values: overlay({}, own), secrets: [...own.keys()] }]);

/** Which of them are there: a list may be shorter than one of them says. */
const placedIn = (values: JsonObject, own: Overlay): Pointer[] =>
  [...own].filter(([pointer, value]) => isDeepEqual(readPointer(values, pointer), value)).map(([pointer]) => pointer);

function refusalFor(what: string, issues: readonly z.core.$ZodIssue[]): SetpointError {
  const faults: Fault[] = issues.slice(0, maxFaults).map(({ path, message }) => ({
    pointer: formatPointer(path.map(String)),
    message,
  }));
  const text = faults.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
  const rest = issues.length > maxFaults ? `; and ${issues.length - maxFaults} more` : '';
  return new SetpointError('document_invalid', `${what}: ${text}${rest}`, { faults });
}

/** Undefined of what JSON has no words for, a bigint say. */
function jsonCopyOf(document: unknown): JsonValue | undefined {
  try {
    return JSON.parse(JSON.stringify(document)) as JsonValue;
  } catch {
    return undefined;
  }
}
