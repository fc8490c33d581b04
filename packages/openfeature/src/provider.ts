import {
  ErrorCode,
  GeneralError,
  type JsonValue,
  OpenFeatureEventEmitter,
  type Paradigm,
  type Provider,
  ProviderEvents,
  ProviderFatalError,
  ProviderNotReadyError,
  type ResolutionDetails,
} from '@openfeature/server-sdk';
import type { Connection, ProviderState } from '@setpoint/client';
import { type FlagKind, kindOf, resolveFlag } from './resolve.ts';

/** What the provider asks of a connection. */
export type FlagSource = Pick<
  Connection<unknown>,
  'current' | 'state' | 'stamp' | 'providerState' | 'onState' | 'onChange' | 'health' | 'stop'
>;

/**
 * An OpenFeature server provider over the configuration of a service. A flag is a setting: its key is a JSON Pointer
 * ("/vad/threshold") or a dotted path ("vad.threshold"), its value what the document in force has there. The evaluation
 * context changes nothing, and there are no variants. Every resolution says in `flagMetadata` which `version` and
 * `epoch` it is of and which `source`, and in `reason` how good that is: STATIC for the live document, STALE where it
 * may be behind, CACHED for the last good one from disk, DEFAULT for the schema's defaults.
 */
export class SetpointProvider implements Provider {
  readonly metadata = { name: 'setpoint' } as const;
  readonly runsOn: Paradigm = 'server';
  readonly events: OpenFeatureEventEmitter = new OpenFeatureEventEmitter();
  readonly #given: FlagSource | (() => Promise<FlagSource>);
  #source: FlagSource | undefined;
  #unfollow: (() => void) | undefined;
  /** Of how often it was set and replaced: who was replaced while it opened must not begin. */
  #turn = 0;

  /**
   * @param source an open connection, which stays its owner's to stop; or a function that opens one, which the provider
   * calls when it is set and stops when it is replaced
   */
  constructor(source: FlagSource | (() => Promise<FlagSource>)) {
    this.#given = source;
  }

  /** @throws ProviderFatalError, GeneralError where the connection says that it is not to be relied on; those of the function */
  async initialize(): Promise<void> {
    const turn = ++this.#turn;
    const source = typeof this.#given === 'function' ? await this.#given() : this.#given;
    if (turn !== this.#turn) {
      if (source !== this.#given) await source.stop();
      throw new ProviderNotReadyError('the provider was replaced while it opened its connection');
    }
    const { providerState } = source;
    const refusal = refusalOf(providerState, source);
    if (refusal && refusal.code !== ErrorCode.GENERAL) {
      if (source !== this.#given) await source.stop();
      throw refusal;
    }
    this.#follow(source);
    if (refusal) throw refusal;
    // The SDK says READY for every start that ends well; what is less than that is said after it.
    if (providerState === 'STALE') setImmediate(() => this.#source === source && this.#say(source.providerState));
  }

  async onClose(): Promise<void> {
    this.#turn += 1;
    const source = this.#source;
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.#source = undefined;
    if (source !== this.#given) await source?.stop();
  }

  resolveBooleanEvaluation(key: string, otherwise: boolean): Promise<ResolutionDetails<boolean>> {
    return this.#resolve(key, 'boolean', otherwise);
  }

  resolveStringEvaluation(key: string, otherwise: string): Promise<ResolutionDetails<string>> {
    return this.#resolve(key, 'string', otherwise);
  }

  resolveNumberEvaluation(key: string, otherwise: number): Promise<ResolutionDetails<number>> {
    return this.#resolve(key, 'number', otherwise);
  }

  /** A default that is an array asks for an array; every other one asks for an object. */
  resolveObjectEvaluation<T extends JsonValue>(key: string, otherwise: T): Promise<ResolutionDetails<T>> {
    return this.#resolve(key, kindOf(otherwise) === 'list' ? 'list' : 'object', otherwise);
  }

  async #resolve<T extends JsonValue>(key: string, kind: FlagKind, otherwise: T): Promise<ResolutionDetails<T>> {
    if (!this.#source)
      throw new ProviderNotReadyError('the provider has no connection; set it with setProviderAndWait');
    return resolveFlag(this.#source, key, kind, otherwise);
  }

  #follow(source: FlagSource): void {
    this.#unfollow?.();
    this.#source = source;
    const endStates = source.onState(({ state }) => this.#say(state));
    const endChanges = source.onChange(({ changed, version }) =>
      this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: [...changed], metadata: { version } }),
    );
    this.#unfollow = () => {
      endStates();
      endChanges();
    };
  }

  #say(state: ProviderState): void {
    if (state === 'READY') return this.events.emit(ProviderEvents.Ready);
    if (state === 'STALE') return this.events.emit(ProviderEvents.Stale);
    const { code, message } = refusalOf(state, this.#source) as Refusal;
    // The SDK reads the code, which its type does not have.
    const details = { errorCode: code, message };
    this.events.emit(ProviderEvents.Error, details);
  }
}

type Refusal = ProviderFatalError | GeneralError | ProviderNotReadyError;

function refusalOf(state: ProviderState, source: Pick<FlagSource, 'health'> | undefined): Refusal | undefined {
  if (state === 'READY' || state === 'STALE') return undefined;
  if (state === 'NOT_READY') {
    return new ProviderNotReadyError('the connection has no configuration: it was stopped, or waits for a first one');
  }
  const attempt = source?.health().config?.lastAttempt;
  const isRejected = attempt?.outcome === 'rejected' && attempt.message !== undefined;
  const reason = isRejected ? attempt.message : 'the authority was not heard for too long';
  const message = `the configuration can not be relied on: ${reason}`;
  return state === 'FATAL' ? new ProviderFatalError(message) : new GeneralError(message);
}
