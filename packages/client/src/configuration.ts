import { isDeepStrictEqual } from 'node:util';
import {
  type ApplyAttempt,
  type ConfigReport,
  changedPointers,
  deepFreeze,
  type Fault,
  formatPointer,
  isJsonObject,
  isNewer,
  isOverlapping,
  type JsonObject,
  judge,
  type KeyRing,
  type Pointer,
  SetpointError,
  type Snapshot,
  type Stamp,
} from '@setpoint/protocol';
import type { z } from 'zod';
import { applyChange, type Change, type ChangeHandler, inTime } from './apply.ts';
import { type Received, receive, versionReused } from './receive.ts';
import { maskSecrets, maxFaults, toFailure, toRefusal } from './refusal.ts';
import { type ClientEvent, type ClientState, transitions } from './state.ts';

/** What came of a snapshot, a cached one, or the lack of any. */
export type Outcome =
  | { readonly kind: 'applied'; readonly isFirst: boolean; readonly restartRequired: readonly Pointer[] }
  /** The broker has what runs already. */
  | { readonly kind: 'confirmed' }
  /** The document was good to receive and not good to run: what ran before goes on. */
  | { readonly kind: 'rejected'; readonly error: SetpointError }
  /** The message was not fit to be looked at. */
  | { readonly kind: 'refused'; readonly error: SetpointError }
  | { readonly kind: 'skipped'; readonly reason: 'stale' | 'duplicate' | 'failed_before' }
  | { readonly kind: 'deleted' };

export interface ConfigurationOptions<T> {
  readonly service: string;
  readonly schema: z.ZodType<T>;
  readonly keys: KeyRing | undefined;
  readonly applyTimeoutMs: number;
  readonly now: () => number;
  /** The first document is in force. */
  readonly onFirst: () => void;
  /** Keeps a snapshot for the next start; called before its outcome is told. Must not throw. */
  readonly remember: (received: Received) => Promise<void>;
  readonly onOutcome: (outcome: Outcome) => void;
  readonly onRevertFailed: (cause: unknown) => void;
}

interface Applied<T> {
  readonly document: T;
  readonly values: JsonObject;
  /** Undefined for defaults. */
  readonly snapshot: Snapshot | undefined;
  readonly at: string;
}

/** A snapshot that waits for its turn, and where it comes from. */
interface Candidate {
  readonly received: Received;
  readonly from: 'live' | 'cache';
}

/** The configuration of this process: what is in force, and how the next one comes into force. */
export class Configuration<T> {
  readonly #options: ConfigurationOptions<T>;
  readonly #handlers = new Set<ChangeHandler<T>>();
  #state: ClientState = 'starting';
  /** What went through; what is reported. */
  #applied: Applied<T> | undefined;
  /** What readers see: from the swap on the new one, also while handlers still commit. */
  #inForce: Applied<T> | undefined;
  /** The last good snapshot on disk: nothing older than it is applied. */
  #floor: Stamp | undefined;
  #observed: { epoch: number; version: number } | undefined;
  #lastAttempt: ApplyAttempt | undefined;
  /** The first document: what a setting that needs a restart still has. */
  #bootValues: JsonObject | undefined;
  #next: Candidate | undefined;
  #isRunning = false;
  #running: Promise<void> | undefined;

  constructor(options: ConfigurationOptions<T>) {
    this.#options = options;
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Frozen; undefined before the first document. */
  get current(): T | undefined {
    return this.#inForce?.document;
  }

  /** The version of `current`; undefined for defaults. */
  get stamp(): Stamp | undefined {
    return this.#inForce?.snapshot;
  }

  /** The newest version that was delivered, applied or not. */
  get observed(): { readonly epoch: number; readonly version: number } | undefined {
    return this.#observed;
  }

  addHandler(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  /** Takes in the bytes of a snapshot from the broker. One is applied at a time; of those that wait, the newest. */
  offer(bytes: Uint8Array): void {
    if (this.#state === 'stopped') return;
    const { service, keys, now, onOutcome } = this.#options;
    const reception = receive(bytes, { service, keys, now: now(), applied: this.#applied?.snapshot ?? this.#floor });
    switch (reception.kind) {
      case 'apply':
        return this.#enqueue({ received: reception.received, from: 'live' });
      case 'skip':
        return this.#skip(reception.reason, reception.received);
      case 'deleted':
        return onOutcome({ kind: 'deleted' });
      case 'refuse':
        if (reception.stamp) this.#observe(reception.stamp);
        return onOutcome({ kind: 'refused', error: reception.error });
    }
  }

  #skip(reason: 'stale' | 'duplicate', received: Received): void {
    if (reason === 'stale') return this.#options.onOutcome({ kind: 'skipped', reason });
    if (this.#applied?.snapshot) return this.#confirm();
    // At start, what the broker has may be what the disk has; it is applied as the live one.
    this.#enqueue({ received, from: 'live' });
  }

  /** The broker has what is applied. */
  #confirm(): void {
    const wasLive = this.#state === 'live';
    this.#move('snapshot_applied');
    this.#options.onOutcome(wasLive ? { kind: 'skipped', reason: 'duplicate' } : { kind: 'confirmed' });
  }

  /** Says below what nothing is applied: the last good snapshot that was found on disk. */
  setFloor(stamp: Stamp): void {
    this.#floor = stamp;
  }

  /** Starts on the last good snapshot. Resolves to false where it does not fit the schema any more. */
  async takeCached(received: Received): Promise<boolean> {
    if (!this.#applied) this.#enqueue({ received, from: 'cache' });
    await this.#settled();
    return this.#applied !== undefined;
  }

  /** Starts on the schema's defaults; false where they make no complete document. */
  async takeDefaults(): Promise<boolean> {
    await this.#settled();
    const defaults = this.#applied ? undefined : await this.#makeDefaults().catch(() => undefined);
    // What came from the broker meanwhile is better.
    await this.#settled();
    if (this.#applied) return true;
    if (!defaults || this.#state === 'stopped') return false;
    this.#bootValues = defaults.values;
    this.#applied = defaults;
    this.#inForce = defaults;
    this.#move('defaults_applied');
    this.#options.onFirst();
    this.#options.onOutcome({ kind: 'applied', isFirst: true, restartRequired: [] });
    return true;
  }

  async #makeDefaults(): Promise<Applied<T> | undefined> {
    const { success, data } = await this.#look({});
    if (!success) return undefined;
    const document = deepFreeze(data);
    return { document, values: await this.#valuesOf(document), snapshot: undefined, at: this.#time() };
  }

  /** What would have to be published for this document; nothing, where the schema does not take it for itself. */
  async #valuesOf(document: T): Promise<JsonObject> {
    const copy: unknown = JSON.parse(JSON.stringify(document));
    if (!isJsonObject(copy)) return {};
    const { success, data } = await this.#look(copy);
    return success && isDeepStrictEqual(data, document) ? copy : {};
  }

  #look(values: JsonObject): Promise<z.ZodSafeParseResult<T>> {
    const { schema, applyTimeoutMs } = this.#options;
    return inTime(applyTimeoutMs, 'the schema', schema.safeParseAsync(values));
  }

  takeNothing(): void {
    this.#move('nothing_found');
  }

  /** Ends; resolves when a change under way has ended. */
  async stop(): Promise<void> {
    this.#move('stop');
    this.#next = undefined;
    await this.#settled();
  }

  report(): ConfigReport {
    const stamp = this.#applied?.snapshot;
    const source =
      this.#applied === undefined ? 'none' : this.#applied.snapshot === undefined ? 'defaults' : this.#source;
    return {
      source,
      ...(stamp && { epoch: stamp.epoch, version: stamp.version, digest: stamp.digest }),
      ...(this.#applied && { appliedAt: this.#applied.at }),
      ...(this.#observed && { observed: this.#observed }),
      ...(this.#lastAttempt && { lastAttempt: this.#lastAttempt }),
      pendingRestart: this.#pendingRestart(),
      masked: [],
    };
  }

  #source: 'live' | 'cache' = 'live';

  #move(event: ClientEvent): void {
    this.#state = transitions[this.#state][event];
    if (this.#state === 'live' || this.#state === 'cache') this.#source = this.#state;
  }

  #observe({ epoch, version }: Stamp): void {
    if (!this.#observed || isNewer({ epoch, version }, this.#observed)) this.#observed = { epoch, version };
  }

  #enqueue(candidate: Candidate): void {
    const { snapshot } = candidate.received;
    this.#observe(snapshot);
    const { kind } = judge(this.#next?.received.snapshot, snapshot);
    if (kind === 'refuse') return this.#refuseReused(snapshot);
    if (kind === 'skip') return;
    this.#next = candidate;
    if (!this.#isRunning) this.#running = this.#drain();
  }

  #refuseReused(stamp: Stamp): void {
    this.#options.onOutcome({ kind: 'refused', error: versionReused(stamp) });
  }

  async #settled(): Promise<void> {
    while (this.#isRunning) await this.#running;
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    while (this.#next && this.#state !== 'stopped') {
      const candidate = this.#next;
      this.#next = undefined;
      await this.#take(candidate);
    }
    // Not a moment later: what is offered from now on starts the next round.
    this.#isRunning = false;
  }

  /** What was applied while this one waited decides anew. */
  async #take({ received, from }: Candidate): Promise<void> {
    const { snapshot } = received;
    const verdict = judge(this.#applied?.snapshot, snapshot);
    if (verdict.kind === 'refuse') this.#refuseReused(snapshot);
    else if (verdict.kind === 'skip') {
      if (verdict.reason === 'duplicate' && from === 'live') this.#confirm();
    } else if (this.#failedBefore(snapshot)) this.#failAgain(snapshot);
    else await this.#apply(received, from);
  }

  #failedBefore({ digest }: Snapshot): boolean {
    return this.#lastAttempt?.outcome === 'rejected' && this.#lastAttempt.digest === digest;
  }

  /** The same content as another version is the version that was rejected. */
  #failAgain({ epoch, version }: Snapshot): void {
    if (this.#lastAttempt) this.#lastAttempt = { ...this.#lastAttempt, epoch, version };
    this.#options.onOutcome({ kind: 'skipped', reason: 'failed_before' });
  }

  /** Validate, prepare, swap, commit, remember, tell. */
  async #apply(received: Received, from: Candidate['from']): Promise<void> {
    const { snapshot } = received;
    const before = this.#applied;
    const { onFirst, onOutcome, remember } = this.#options;
    try {
      const document = deepFreeze(await this.#parse(snapshot));
      const next = { document, values: snapshot.values, snapshot, at: this.#time() };
      const change = before && this.#describe(before, snapshot, document);
      if (before && change && change.changed.length > 0) await this.#transact(before, next, change);
      this.#bootValues ??= snapshot.values;
      this.#applied = next;
      this.#inForce = next;
      this.#succeed(snapshot);
      this.#move(from === 'live' ? 'snapshot_applied' : 'cache_applied');
      if (!before) onFirst();
      if (from === 'live') await remember(received);
      onOutcome({ kind: 'applied', isFirst: !before, restartRequired: change?.restartRequired ?? [] });
    } catch (cause) {
      this.#fail(snapshot, cause);
    }
  }

  #transact(before: Applied<T>, next: Applied<T>, change: Change<T>): Promise<void> {
    return applyChange([...this.#handlers], change, {
      timeoutMs: this.#options.applyTimeoutMs,
      swap: (to) => {
        this.#inForce = to === 'current' ? next : before;
      },
      onRevertFailed: (cause) =>
        this.#options.onRevertFailed(maskSecrets(toFailure(cause), [before.snapshot, next.snapshot])),
    });
  }

  async #parse({ values, version }: Snapshot): Promise<T> {
    const { success, data, error } = await this.#look(values);
    if (success) return data;
    const faults: Fault[] = error.issues.slice(0, maxFaults).map(({ path, message }) => ({
      pointer: formatPointer(path.map(String)),
      message,
    }));
    const text = faults.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
    const rest = error.issues.length > maxFaults ? `; and ${error.issues.length - maxFaults} more` : '';
    const message = `version ${version} does not fit the schema of this build: ${text}${rest}`;
    throw new SetpointError('document_invalid', message, { faults });
  }

  #describe(before: Applied<T>, snapshot: Snapshot, document: T): Change<T> {
    const changed = changedPointers(before.values, snapshot.values);
    return {
      current: document,
      previous: before.document,
      changed,
      restartRequired: coldPointers(changed, snapshot),
      version: snapshot.version,
      previousVersion: before.snapshot?.version ?? 0,
    };
  }

  /** Where what runs differs, in a setting that needs a restart, from what the process was started with. */
  #pendingRestart(): readonly Pointer[] {
    const applied = this.#applied;
    if (!applied?.snapshot || !this.#bootValues) return [];
    return coldPointers(changedPointers(this.#bootValues, applied.values), applied.snapshot);
  }

  #succeed(snapshot: Snapshot): void {
    const { epoch, version, digest } = snapshot;
    this.#observe(snapshot);
    this.#lastAttempt = { epoch, version, digest, outcome: 'applied' };
  }

  #fail(snapshot: Snapshot, cause: unknown): void {
    const { epoch, version, digest } = snapshot;
    const error = maskSecrets(toRefusal(cause), [snapshot, this.#applied?.snapshot]);
    const pointer = error.faults[0]?.pointer;
    this.#lastAttempt = {
      epoch,
      version,
      digest,
      outcome: 'rejected',
      code: error.code,
      message: error.message,
      ...(pointer !== undefined && { pointer }),
    };
    this.#move('snapshot_rejected');
    this.#options.onOutcome({ kind: 'rejected', error });
  }

  #time(): string {
    return new Date(this.#options.now()).toISOString();
  }
}

const coldPointers = (changed: readonly Pointer[], { restartRequired }: Snapshot): Pointer[] =>
  changed.filter((pointer) => restartRequired.some((place) => isOverlapping(place, pointer)));
