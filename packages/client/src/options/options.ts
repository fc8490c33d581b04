import type { Bus, BusOptions } from '@setpoint/bus';
import type { Logger } from '@setpoint/participant';
import { type Tracing, untraced } from '@setpoint/participant';
import {
  type Contract,
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
import { v4 as newId } from 'uuid';
import type { z } from 'zod';
import { resolveCacheDir } from '#runtime/last-good';
import { deriveContract } from '../connect/contract.ts';
import { type MessagingOptions, type ResolvedMessagingOptions, resolveMessagingOptions } from '../messaging/options.ts';
import { type BrokerOptions, brokerRules } from './broker-options.ts';
import { checkPolicyValues } from './check-policy-values.ts';
import {
  aFunction,
  anything,
  aText,
  having,
  isRecord,
  keepValid,
  mustBe,
  numberFrom,
  type OnFault,
  oneOf,
  type Rule,
  type Rules,
  reportUnknownNames,
} from './option-rules.ts';
import { type Policy, type PolicyOptions, policyRules, resolvePolicy } from './policy.ts';
import { type ResolvedBrokerOptions, resolveBrokerOptions } from './resolve-broker-options.ts';
import { isOutside } from './schema-places.ts';

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
  /**
   * Where the last good snapshot is kept; false: nowhere. @default ".setpoint" in the working directory; in a browser, in
   * `localStorage`
   */
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
  /** @default pino on standard error, warnings and up; in a browser, its console */
  readonly logger?: Logger;
  /** `openTelemetry()` of `@setpoint/client/opentelemetry`. @default none is recorded, and traces pass through */
  readonly tracing?: Tracing;
  /** Ends the start; has no effect afterwards. */
  readonly signal?: AbortSignal;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: () => number;
}

/** Options that only make sense with a schema. */
const documentOptions: readonly string[] = [
  'boot',
  'staleness',
  'overrides',
  'trustedKeys',
  'cacheDir',
  'withoutSnapshot',
  'applyTimeoutMs',
];

/** The options of `connect` without a schema: messaging and health, and no configuration. */
export interface MessagingConnectOptions
  extends BrokerOptions,
    Pick<
      ConnectOptions,
      | 'service'
      | 'instance'
      | 'prefix'
      | 'authority'
      | 'startTimeoutMs'
      | 'messaging'
      | 'logger'
      | 'tracing'
      | 'signal'
      | 'now'
    > {
  readonly schema?: never;
}

export interface ResolvedOptions
  extends Pick<ResolvedBrokerOptions, 'enableHealth' | 'enableHeartbeat' | 'heartbeatIntervalMs' | 'dedupe'> {
  readonly openBus: (options: BusOptions) => Promise<Bus>;
  readonly service: string;
  readonly instance: string;
  readonly authority: string;
  readonly prefix: string;
  readonly topics: Topics;
  /** Undefined without a schema. */
  readonly contract: Contract | undefined;
  readonly keys: KeyRing | undefined;
  /** A folder, absolute; undefined where nothing is kept. */
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

type OwnOptions = Omit<ConnectOptions, keyof BrokerOptions | keyof PolicyOptions>;

const isAborting = having('must be an AbortSignal', 'addEventListener', 'throwIfAborted');

const ownRules: Rules<OwnOptions> = {
  service: aName(),
  schema: mustBe('must be a zod schema (version 4)', isZodSchema),
  instance: aName(),
  prefix: aText,
  authority: aName(),
  trustedKeys: anything,
  cacheDir: mustBe('must be a folder, or false for none', isFolder),
  withoutSnapshot: oneOf('defaults', 'wait', 'fail'),
  startTimeoutMs: numberFrom(0),
  applyTimeoutMs: numberFrom(1),
  messaging: anything,
  logger: having('must have the functions debug, info, warn and error', 'debug', 'info', 'warn', 'error'),
  tracing: having('must have a function start, as openTelemetry() has', 'start'),
  signal: isAborting,
  now: aFunction,
};

const names = [...Object.keys(ownRules), ...Object.keys(brokerRules), ...Object.keys(policyRules)];

/**
 * Checks the options and fills in the defaults. Without a schema the process has no contract.
 * @throws SetpointError `options_invalid` with every fault
 */
export function resolveOptions(
  options: Omit<ConnectOptions, 'schema'> & { readonly schema?: unknown },
): ResolvedOptions {
  const faults = new Faults();
  const onFault: OnFault = (option, message) => faults.add(option, message);
  if (!isRecord(options)) {
    onFault('', 'they must be an object with at least a service and a url');
    return faults.raise();
  }
  // A schema that is left out is a choice; one that is undefined, or missing beside options that need it, is a mistake.
  const isSchemaNeeded = 'schema' in options || documentOptions.some((name) => name in options);
  const given = keepValid<OwnOptions>(options, ownRules, {
    required: isSchemaNeeded ? ['service', 'schema'] : ['service'],
    onFault,
  });
  const { service = '', schema, prefix = '', authority = 'config-authority', withoutSnapshot = 'defaults' } = given;
  const { startTimeoutMs = 3000, applyTimeoutMs = 10_000, now = Date.now } = given;
  const { instance = `${service.slice(0, 54)}-${newId().slice(0, 8)}` } = given;
  const broker = resolveBrokerOptions(options, onFault);
  const topics = faults.attempt('prefix', () => createTopics(prefix));
  const keys = faults.attempt('trustedKeys', () => createTrust(options.trustedKeys));
  const isNowhere = (pointer: string): boolean => schema !== undefined && isOutside(schema, pointer);
  const faultsBefore = faults.count;
  const policy = resolvePolicy(options, onFault, isNowhere);
  if (schema && faults.count === faultsBefore) faults.gather(() => checkPolicyValues(policy, schema));
  const messaging = resolveMessagingOptions(options.messaging, onFault);
  const contract = schema && faults.attempt('schema', () => deriveContract(service, schema));
  reportUnknownNames(options, names, { onFault });
  if (faults.count > 0 || !topics) return faults.raise();

  const { clientId = clientIdOf(prefix, instance), sourceName = clientId } = broker;
  const { enableHealth, enableHeartbeat, heartbeatIntervalMs, dedupe } = broker;
  return {
    openBus: (busOptions) =>
      options.bus ? openOwnBus(options.bus, busOptions) : openMqttBus(broker, clientId, busOptions),
    service,
    instance,
    authority,
    prefix,
    topics,
    contract,
    keys,
    cacheDir: given.cacheDir === false ? undefined : resolveCacheDir(given.cacheDir ?? '.setpoint'),
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
    tracing: given.tracing ?? untraced,
    now,
  };
}

async function openOwnBus(open: (options: BusOptions) => Bus, options: BusOptions): Promise<Bus> {
  const bus = await open(options);
  const fault = isBus(bus);
  if (fault === undefined) return bus;
  throw new SetpointError('options_invalid', `connect was called with wrong options: bus ${fault}`, {
    faults: [{ pointer: '/bus', message: fault }],
  });
}

const isBus = having('must return a bus', 'start', 'publish', 'subscribe', 'onStatus', 'stop');

/** Loaded when it is needed: a service on another bus pays nothing for MQTT. */
async function openMqttBus(broker: ResolvedBrokerOptions, clientId: string, options: BusOptions): Promise<Bus> {
  const { createMqttBus } = await import('@setpoint/bus/mqtt');
  const { urls, keepaliveSeconds, reconnectMinDelayMs, reconnectMaxDelayMs, tls } = broker;
  const delays = { reconnectMinDelayMs, reconnectMaxDelayMs };
  return createMqttBus({ url: urls, clientId, keepaliveSeconds, ...delays, ...(tls && { tls }), ...options });
}

function aName(): Rule {
  return mustBe('must be 1 to 63 of a–z, 0–9, "_" and "-"', (name) => typeof name === 'string' && isName(name));
}

function isZodSchema(schema: unknown): boolean {
  return isRecord(schema) && typeof schema.safeParse === 'function' && '_zod' in schema;
}

/** An empty one would be the working directory itself. */
function isFolder(folder: unknown): boolean {
  return folder === false || (typeof folder === 'string' && folder.trim() !== '' && !folder.includes('\0'));
}

/** @throws Error that says what is wrong */
function createTrust(trustedKeys: TrustedKeys | undefined): KeyRing | undefined {
  if (trustedKeys === undefined) return undefined;
  const parsed = parseTrustedKeys(trustedKeys);
  // Every snapshot would be refused for ever.
  if (!parsed.keys.some(({ role }) => role === 'authority')) {
    throw new Error('has no key of the role "authority", so no snapshot could be believed');
  }
  return createKeyRing(parsed);
}

class Faults {
  readonly #faults: { pointer: string; message: string }[] = [];

  get count(): number {
    return this.#faults.length;
  }

  add(option: string, message: string): void {
    this.#faults.push({ pointer: option === '' ? '' : `/${option}`, message });
  }

  attempt<T>(option: string, make: () => T): T | undefined {
    try {
      return make();
    } catch (cause) {
      this.add(option, (cause as Error).message.replace(`the ${option} `, ''));
      return undefined;
    }
  }

  /** What is thrown with faults is told as these. */
  gather(check: () => void): void {
    try {
      check();
    } catch (cause) {
      if (!(cause instanceof SetpointError)) throw cause;
      this.#faults.push(...cause.faults);
    }
  }

  raise(): never {
    const text = this.#faults
      .map(({ pointer, message }) => `${pointer.replace(/^\/(environment\/)?/, '')} ${message}`.trimStart())
      .join('; ');
    throw new SetpointError('options_invalid', `connect was called with wrong options: ${text}`, {
      faults: this.#faults,
    });
  }
}
