import type { Bus, BusOptions } from '@setpoint/bus';
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
import { type ResolvedMessagingOptions, resolveMessagingOptions } from '../messaging/options.ts';
import { type BrokerOptions, brokerRules } from './broker-options.ts';
import { checkPolicyValues } from './check-policy-values.ts';
import type { ConnectOptions } from './connect-options.ts';
import { createBusOpener } from './open-bus.ts';
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
import { isOutside, isZodSchema } from './schema-places.ts';

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

/** The options of `connect` with every default filled in. */
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
  /** The absolute path of a folder; undefined when nothing is kept. */
  readonly cacheDir: string | undefined;
  readonly policy: Policy;
  readonly withoutSnapshot: 'defaults' | 'wait' | 'fail';
  readonly startTimeoutMs: number;
  readonly applyTimeoutMs: number;
  /** The source that messages to other services name. */
  readonly sourceName: string;
  readonly messaging: ResolvedMessagingOptions;
  readonly tracing: Tracing;
  readonly now: () => number;
}

type OwnOptions = Omit<ConnectOptions, keyof BrokerOptions | keyof PolicyOptions>;

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
  signal: having('must be an AbortSignal', 'addEventListener', 'throwIfAborted'),
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
  const { schema, ...given } = checkOwnOptions(options, onFault);
  const { service = '', prefix = '', now = Date.now } = given;
  const { instance = `${service.slice(0, 54)}-${newId().slice(0, 8)}` } = given;
  const broker = resolveBrokerOptions(options, onFault);
  const topics = faults.attempt('prefix', () => createTopics(prefix));
  const keys = faults.attempt('trustedKeys', () => createTrustedKeyRing(options.trustedKeys));
  const policy = checkPolicy(options, schema, faults);
  const messaging = resolveMessagingOptions(options.messaging, onFault);
  const contract = schema && faults.attempt('schema', () => deriveContract(service, schema));
  reportUnknownNames(options, names, { onFault });
  if (faults.count > 0 || !topics) return faults.raise();

  const { clientId = clientIdOf(prefix, instance), sourceName = clientId } = broker;
  const { enableHealth, enableHeartbeat, heartbeatIntervalMs, dedupe } = broker;
  return {
    openBus: createBusOpener(options.bus, broker, clientId),
    service,
    instance,
    authority: given.authority ?? 'config-authority',
    prefix,
    topics,
    contract,
    keys,
    cacheDir: given.cacheDir === false ? undefined : resolveCacheDir(given.cacheDir ?? '.setpoint'),
    policy,
    withoutSnapshot: given.withoutSnapshot ?? 'defaults',
    startTimeoutMs: given.startTimeoutMs ?? 3000,
    applyTimeoutMs: given.applyTimeoutMs ?? 10_000,
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

/** A schema that is left out is a choice; one that is undefined, or missing beside options that need it, is a mistake. */
function checkOwnOptions(options: object, onFault: OnFault): Partial<OwnOptions> {
  const isSchemaNeeded = 'schema' in options || documentOptions.some((name) => name in options);
  return keepValid<OwnOptions>(options, ownRules, {
    required: isSchemaNeeded ? ['service', 'schema'] : ['service'],
    onFault,
  });
}

/** Checks the policy options, and their values against the schema when they are otherwise right. */
function checkPolicy(options: PolicyOptions, schema: z.ZodType | undefined, faults: Faults): Policy {
  const faultsBefore = faults.count;
  const policy = resolvePolicy(
    options,
    (option, message) => faults.add(option, message),
    (pointer) => schema !== undefined && isOutside(schema, pointer),
  );
  if (schema && faults.count === faultsBefore) faults.collect(() => checkPolicyValues(policy, schema));
  return policy;
}

function aName(): Rule {
  return mustBe('must be 1 to 63 of a–z, 0–9, "_" and "-"', (name) => typeof name === 'string' && isName(name));
}

/** Refuses an empty name, which would be the working directory itself. */
function isFolder(folder: unknown): boolean {
  return folder === false || (typeof folder === 'string' && folder.trim() !== '' && !folder.includes('\0'));
}

/** @throws Error that says what is wrong with the keys */
function createTrustedKeyRing(trustedKeys: TrustedKeys | undefined): KeyRing | undefined {
  if (trustedKeys === undefined) return undefined;
  const parsed = parseTrustedKeys(trustedKeys);
  // Without one, every snapshot would be refused for ever.
  if (!parsed.keys.some(({ role }) => role === 'authority')) {
    throw new Error('has no key of the role "authority", so no snapshot could be believed');
  }
  return createKeyRing(parsed);
}

/** Collects what is wrong with the options, to report all of it at once. */
class Faults {
  readonly #faults: { pointer: string; message: string }[] = [];

  get count(): number {
    return this.#faults.length;
  }

  add(option: string, message: string): void {
    this.#faults.push({ pointer: option === '' ? '' : `/${option}`, message });
  }

  /** Returns what `make` returns; adds the error that it throws. */
  attempt<T>(option: string, make: () => T): T | undefined {
    try {
      return make();
    } catch (cause) {
      this.add(option, (cause as Error).message.replace(`the ${option} `, ''));
      return undefined;
    }
  }

  /** Adds the faults of the SetpointError that `check` throws. */
  collect(check: () => void): void {
    try {
      check();
    } catch (cause) {
      if (!(cause instanceof SetpointError)) throw cause;
      this.#faults.push(...cause.faults);
    }
  }

  /** Throws all faults as one error. */
  raise(): never {
    const text = this.#faults
      .map(({ pointer, message }) => `${pointer.replace(/^\/(environment\/)?/, '')} ${message}`.trimStart())
      .join('; ');
    throw new SetpointError('options_invalid', `connect was called with wrong options: ${text}`, {
      faults: this.#faults,
    });
  }
}
