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
import { withinTime } from '../transaction/handler-step.ts';
import { isDeepEqual } from './deep-equal.ts';
import { type Overlay, overlay } from './overlay.ts';
import { maskSecrets, maxFaults, toRefusal } from './refusal.ts';

export interface DocumentBuilderOptions<T> {
  readonly schema: z.ZodType<T>;
  readonly policy: Policy;
  /** Time limit of the schema. Milliseconds. */
  readonly timeoutMs: number;
  readonly abandoned: AbortSignal;
  readonly now: () => number;
}

/** A document that the schema accepts. */
export interface ValidatedDocument<T> {
  readonly document: T;
  /** The JSON it was made of: as published, with the values of this machine laid over it. */
  readonly values: JsonObject;
  /** Where values of this machine were laid over it. */
  readonly masked: readonly Pointer[];
  /** Whether it only stands in for the live document, because the boot policy replaced some of its values. */
  readonly isMakeshift: boolean;
  /** Undefined for defaults. */
  readonly snapshot: Snapshot | undefined;
  readonly at: string;
}

/** Builds documents from snapshots or defaults: lays the values of this machine over them and validates the result. */
export class DocumentBuilder<T> {
  readonly #options: DocumentBuilderOptions<T>;

  constructor(options: DocumentBuilderOptions<T>) {
    this.#options = options;
  }

  /** @throws SetpointError `document_invalid`, `apply_timeout`; whatever the schema throws */
  async fromSnapshot(snapshot: Snapshot, from: 'live' | 'cache'): Promise<ValidatedDocument<T>> {
    const { overrides, bootDefaults } = this.#options.policy;
    const own = from === 'cache' ? new Map([...bootDefaults, ...overrides]) : overrides;
    const values = overlay(snapshot.values, own);
    const { success, data, error } = await this.#validate(values);
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
   * Builds a document from the schema's defaults and the values of the boot policy; values that the policy keeps are
   * taken from `lastGood`.
   * @throws SetpointError `document_invalid` when that makes no complete document, `apply_timeout`; whatever the schema
   * throws
   */
  async fromDefaults(lastGood: Snapshot | undefined): Promise<ValidatedDocument<T>> {
    const { overrides, bootDefaults } = this.#options.policy;
    const own = new Map([...this.#kept(lastGood), ...bootDefaults, ...overrides]);
    const { success, data, error } = await this.#validate(overlay({}, own)).catch((cause) => {
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

  /** Masks the secrets of these snapshots in an error, also where values of this machine replaced them. */
  maskSecrets(error: SetpointError, snapshots: readonly (Snapshot | undefined)[]): SetpointError {
    return maskSecrets(
      error,
      snapshots.flatMap((snapshot) => (snapshot ? this.#variantsOf(snapshot) : [])),
    );
  }

  /** The snapshot as published, and with the values of this machine, at a start and later. */
  #variantsOf(snapshot: Snapshot): Snapshot[] {
    const { overrides, bootDefaults } = this.#options.policy;
    const own = [overrides, new Map([...bootDefaults, ...overrides])].filter(({ size }) => size > 0);
    return [snapshot, ...own.map((values) => ({ ...snapshot, values: overlay(snapshot.values, values) }))];
  }

  /** The values that the boot policy keeps. */
  #kept(lastGood: Snapshot | undefined): Overlay {
    const kept = new Map<Pointer, JsonValue>();
    const missing: Fault[] = [];
    for (const pointer of this.#options.policy.kept) {
      const value = lastGood && readPointer(lastGood.values, pointer);
      if (value === undefined) missing.push({ pointer, message: 'is not in the last good document' });
      else kept.set(pointer, value);
    }
    if (missing.length === 0) return kept;
    const message = `values that must be kept are missing (${missing.map(({ pointer }) => pointer).join(', ')})`;
    throw new SetpointError('document_invalid', message, { faults: missing });
  }

  /** The JSON that would produce this document; {} when the schema would make another document of it. */
  async #valuesOf(document: T): Promise<JsonObject> {
    const copy = jsonCopyOf(document);
    if (!isJsonObject(copy)) return {};
    const { success, data } = await this.#validate(copy);
    return success && isDeepEqual(data, document) ? copy : {};
  }

  #validate(values: JsonObject): Promise<z.ZodSafeParseResult<T>> {
    const { schema, timeoutMs, abandoned } = this.#options;
    return withinTime(timeoutMs, 'the schema', schema.safeParseAsync(values), abandoned);
  }

  #misfit({ version }: Snapshot, issues: readonly z.core.$ZodIssue[]): SetpointError {
    const masked = [...this.#options.policy.overrides.keys()];
    const own = masked.length > 0 ? ` (with this machine's overrides of ${masked.join(', ')})` : '';
    return refusalFor(`version ${version} does not fit the schema of this build${own}`, issues);
  }

  /** Without a snapshot it is not known which settings are secret, so all values of this machine are masked. */
  #defaultsMisfit(own: Overlay, issues: readonly z.core.$ZodIssue[]): SetpointError {
    const overlaid = own.size > 0 ? ` (with this machine's values for ${[...own.keys()].join(', ')})` : '';
    const refusal = refusalFor(`the defaults of the schema make no document${overlaid}`, issues);
    return maskOwn(refusal, own);
  }

  #time(): string {
    return new Date(this.#options.now()).toISOString();
  }
}

/** Masks all values of this machine: it is not known yet which of them are secret. */
const maskOwn = (error: SetpointError, own: Overlay): SetpointError =>
  maskSecrets(error, [{ values: overlay({}, own), secrets: [...own.keys()] }]);

/** The pointers whose values are really in the document: a list may be shorter than a pointer assumes. */
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

/** Undefined for values that JSON can't represent, such as a bigint. */
function jsonCopyOf(document: unknown): JsonValue | undefined {
  try {
    return JSON.parse(JSON.stringify(document)) as JsonValue;
  } catch {
    return undefined;
  }
}
