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
import type { Logger } from './logger.ts';

/** What a service says to `connect`. */
export interface ConnectOptions<Schema extends z.ZodType = z.ZodType> {
  /** `mqtt://` or `mqtts://`, with user and password where the broker asks for them. */
  readonly url?: string;
  /** Instead of `url`: makes the bus, for a broker in memory or an adapter of your own. */
  readonly bus?: (options: BusOptions) => Bus;
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
  /** Between signs of life. Milliseconds. @default 5000 */
  readonly keepaliveIntervalMs?: number;
  /** @default pino on standard error, warnings and up */
  readonly logger?: Logger;
  /** Ends the start; has no effect afterwards. */
  readonly signal?: AbortSignal;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: () => number;
}

export interface ResolvedOptions {
  readonly openBus: (options: BusOptions) => Promise<Bus>;
  readonly service: string;
  readonly instance: string;
  readonly authority: string;
  readonly prefix: string;
  readonly topics: Topics;
  readonly keys: KeyRing | undefined;
  /** Absolute; undefined where nothing is kept. */
  readonly cacheDir: string | undefined;
  readonly withoutSnapshot: 'defaults' | 'wait' | 'fail';
  readonly startTimeoutMs: number;
  readonly applyTimeoutMs: number;
  readonly keepaliveIntervalMs: number;
  readonly now: () => number;
}

/**
 * Checks and completes the options; after it nobody asks for a default.
 * @throws SetpointError `options_invalid` with every fault
 */
export function resolveOptions(options: ConnectOptions): ResolvedOptions {
  const { service, prefix = '', authority = 'config-authority', withoutSnapshot = 'defaults' } = options;
  const { startTimeoutMs = 3000, applyTimeoutMs = 10_000, keepaliveIntervalMs = 5000, now = Date.now } = options;
  const { instance = `${String(service).slice(0, 54)}-${randomBytes(4).toString('hex')}` } = options;
  const faults = new Faults();

  faults.unless(isNamed(service), 'service', 'must be 1 to 63 of a–z, 0–9, "_" and "-"');
  faults.unless(isNamed(instance), 'instance', 'must be 1 to 63 of a–z, 0–9, "_" and "-"');
  faults.unless(isNamed(authority), 'authority', 'must be 1 to 63 of a–z, 0–9, "_" and "-"');
  faults.unless((options.url === undefined) !== (options.bus === undefined), 'url', 'give either url or bus');
  faults.unless(isUrl(options.url), 'url', 'must be mqtt:// or mqtts:// with a host');
  faults.unless(typeof options.schema?.safeParse === 'function', 'schema', 'must be a zod schema (version 4)');
  faults.unless(['defaults', 'wait', 'fail'].includes(withoutSnapshot), 'withoutSnapshot', 'is defaults, wait or fail');
  faults.unless(isWithinBounds(startTimeoutMs, 0), 'startTimeoutMs', 'must be 0 to 2147483647');
  faults.unless(isWithinBounds(applyTimeoutMs, 1), 'applyTimeoutMs', 'must be 1 to 2147483647');
  faults.unless(isWithinBounds(keepaliveIntervalMs, 100), 'keepaliveIntervalMs', 'must be 100 to 2147483647');
  const topics = faults.attempt('prefix', () => createTopics(prefix));
  const keys = faults.attempt('trustedKeys', () =>
    options.trustedKeys ? createKeyRing(parseTrustedKeys(options.trustedKeys)) : undefined,
  );
  faults.raise();

  return {
    openBus: async (busOptions) =>
      options.bus?.(busOptions) ?? openMqttBus(String(options.url), clientIdOf(prefix, instance), busOptions),
    service,
    instance,
    authority,
    prefix,
    topics: topics as Topics,
    keys,
    cacheDir: options.cacheDir === false ? undefined : resolve(options.cacheDir ?? '.setpoint'),
    withoutSnapshot,
    startTimeoutMs,
    applyTimeoutMs,
    keepaliveIntervalMs,
    now,
  };
}

/** Loaded when it is needed: a service on another bus pays nothing for MQTT. */
async function openMqttBus(url: string, clientId: string, options: BusOptions): Promise<Bus> {
  const { createMqttBus } = await import('@setpoint/bus/mqtt');
  return createMqttBus({ url, clientId, ...options });
}

/** Callers without types may leave it out. */
const isNamed = (name: unknown): boolean => typeof name === 'string' && isName(name);

const isUrl = (url: string | undefined): boolean =>
  url === undefined || (URL.canParse(url) && /^mqtts?:\/\/[^/]/.test(url));

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
    const text = this.#faults.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`).join('; ');
    throw new SetpointError('options_invalid', `connect was called with wrong options: ${text}`, {
      faults: this.#faults,
    });
  }
}
