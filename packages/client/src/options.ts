import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Bus, BusOptions } from '@setpoint/bus';
import {
  clientIdOf,
  createKeyRing,
  createTopics,
  isName,
  type KeyRing,
  parseTrustedKeys,
  SetpointError,
  type Topics,
  type TrustedKeys,
} from '@setpoint/protocol';
import type { z } from 'zod';
import { type BrokerOptions, type ResolvedBrokerOptions, resolveBrokerOptions } from './broker-options.ts';
import { type Policy, type PolicyOptions, resolvePolicy } from './configuration/policy.ts';
import type { Logger } from './logger.ts';
import { type MessagingOptions, type ResolvedMessagingOptions, resolveMessagingOptions } from './messaging/options.ts';
import { type Tracing, untraced } from './tracing.ts';

/** What a service says to `connect`. */
export interface ConnectOptions<Schema extends z.ZodType = z.ZodType> extends PolicyOptions, BrokerOptions {
  /** The name of the service: 1 to 63 of a–z, 0–9, "_" and "-". */
  readonly service: string;
  /** What a document must be; `current` has its output type. */
  readonly schema: Schema;
  /** The name of this process, unique among all. @default `<service>-<random>` */
  readonly instance?: string;
  /** The environment's topic prefix. @default "" */
  readonly prefix?: string;
  /** The authority's name. @default "config-authority" */
  readonly authority?: string;
  /** Whose snapshots to believe. Without them the broker is trusted, and a warning says so. */
  readonly trustedKeys?: TrustedKeys;
  /** Where the last good snapshot is kept; false: nowhere. @default ".setpoint" in the working directory */
  readonly cacheDir?: string | false;
  /**
   * When neither the broker nor the disk has a snapshot: start on the schema's defaults (and fail where they make no
   * complete document), wait for one, or fail. @default "defaults"
   */
  readonly withoutSnapshot?: 'defaults' | 'wait' | 'fail';
  /** How long a start waits for a live snapshot before it takes something else. Milliseconds. @default 3000 */
  readonly startTimeoutMs?: number;
  /** How long one step of one change handler, or the schema, may take. Milliseconds. @default 10000 */
  readonly applyTimeoutMs?: number;
  /** Bounds of the messages to other services. */
  readonly messaging?: MessagingOptions;
  /** @default pino on standard error, warnings and up */
  readonly logger?: Logger;
  /** `openTelemetry()` of `@setpoint/client/opentelemetry`. @default none is recorded, and traces pass through */
  readonly tracing?: Tracing;
  /** Ends the start; has no effect afterwards. */
  readonly signal?: AbortSignal;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: () => number;
}

export interface ResolvedOptions
  extends Pick<ResolvedBrokerOptions, 'enableHealth' | 'enableHeartbeat' | 'heartbeatIntervalMs' | 'dedupe'> {
  readonly openBus: (options: BusOptions) => Promise<Bus>;
  readonly service: string;
  readonly instance: string;
  readonly authority: string;
  readonly prefix: string;
  readonly topics: Topics;
  readonly keys: KeyRing | undefined;
  /** Absolute; undefined where nothing is kept. */
  readonly cacheDir: string | undefined;
  readonly policy: Policy;
  readonly withoutSnapshot: 'defaults' | 'wait' | 'fail';
  readonly startTimeoutMs: number;
  readonly applyTimeoutMs: number;
  /** What messages to other services come from. */
  readonly sourceName: string;
  readonly messaging: ResolvedMessagingOptions;
  readonly tracing: Tracing;
  readonly now: () => number;
}

/**
 * Checks and completes the options; after it nobody asks for a default.
 * @throws SetpointError `options_invalid` with every fault
 */
export function resolveOptions(options: ConnectOptions): ResolvedOptions {
  const { service, prefix = '', authority = 'config-authority', withoutSnapshot = 'defaults' } = options;
  const { startTimeoutMs = 3000, applyTimeoutMs = 10_000, now = Date.now } = options;
  const { instance = `${String(service).slice(0, 54)}-${randomBytes(4).toString('hex')}` } = options;
  const faults = new Faults();

  faults.unless(isNamed(service), 'service', 'must be 1 to 63 of a–z, 0–9, "_" and "-"');
  faults.unless(isNamed(instance), 'instance', 'must be 1 to 63 of a–z, 0–9, "_" and "-"');
  faults.unless(isNamed(authority), 'authority', 'must be 1 to 63 of a–z, 0–9, "_" and "-"');
  const broker = resolveBrokerOptions(options, (option, message) => faults.unless(false, option, message));
  faults.unless(typeof options.schema?.safeParse === 'function', 'schema', 'must be a zod schema (version 4)');
  faults.unless(['defaults', 'wait', 'fail'].includes(withoutSnapshot), 'withoutSnapshot', 'is defaults, wait or fail');
  faults.unless(isWithinBounds(startTimeoutMs, 0), 'startTimeoutMs', 'must be 0 to 2147483647');
  faults.unless(isWithinBounds(applyTimeoutMs, 1), 'applyTimeoutMs', 'must be 1 to 2147483647');
  const topics = faults.attempt('prefix', () => createTopics(prefix));
  const keys = faults.attempt('trustedKeys', () =>
    options.trustedKeys ? createKeyRing(parseTrustedKeys(options.trustedKeys)) : undefined,
  );
  const policy = resolvePolicy(options, (option, message) => faults.unless(false, option, message));
  const messaging = resolveMessagingOptions(options.messaging, (option, message) =>
    faults.unless(false, option, message),
  );
  faults.raise();

  const { clientId = clientIdOf(prefix, instance), sourceName = clientId } = broker;
  const { enableHealth, enableHeartbeat, heartbeatIntervalMs, dedupe } = broker;
  return {
    openBus: async (busOptions) => options.bus?.(busOptions) ?? openMqttBus(broker, clientId, busOptions),
    service,
    instance,
    authority,
    prefix,
    topics: topics as Topics,
    keys,
    cacheDir: options.cacheDir === false ? undefined : resolve(options.cacheDir ?? '.setpoint'),
    policy,
    withoutSnapshot,
    startTimeoutMs,
    applyTimeoutMs,
    enableHealth,
    enableHeartbeat,
    heartbeatIntervalMs,
    dedupe,
    sourceName,
    messaging,
    tracing: options.tracing ?? untraced,
    now,
  };
}

/** Loaded when it is needed: a service on another bus pays nothing for MQTT. */
async function openMqttBus(broker: ResolvedBrokerOptions, clientId: string, options: BusOptions): Promise<Bus> {
  const { createMqttBus } = await import('@setpoint/bus/mqtt');
  const { urls, keepaliveSeconds, reconnectMinDelayMs, reconnectMaxDelayMs, tls } = broker;
  const delays = { reconnectMinDelayMs, reconnectMaxDelayMs };
  return createMqttBus({ url: urls, clientId, keepaliveSeconds, ...delays, ...(tls && { tls }), ...options });
}

/** Callers without types may leave it out. */
const isNamed = (name: unknown): boolean => typeof name === 'string' && isName(name);

/** The range of a timer. */
const isWithinBounds = (value: number, least: number): boolean => value >= least && value <= 2_147_483_647;

class Faults {
  readonly #faults: { pointer: string; message: string }[] = [];

  unless(isRight: boolean, option: string, message: string): void {
    if (!isRight) this.#faults.push({ pointer: `/${option}`, message });
  }

  attempt<T>(option: string, make: () => T): T | undefined {
    try {
      return make();
    } catch (cause) {
      this.unless(false, option, (cause as Error).message);
      return undefined;
    }
  }

  raise(): void {
    if (this.#faults.length === 0) return;
    const text = this.#faults
      .map(({ pointer, message }) => `${pointer.replace(/^\/(environment\/)?/, '')} ${message}`)
      .join('; ');
    throw new SetpointError('options_invalid', `connect was called with wrong options: ${text}`, {
      faults: this.#faults,
    });
  }
}
