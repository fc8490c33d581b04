import type { Bus, BusOptions } from '@setpoint/bus';
import {
  type ContractRegistry,
  type ConvergenceTracker,
  createContractRegistry,
  createConvergenceTracker,
  createEngine,
  type Engine,
  type Store,
  type VersionRecord,
} from '@setpoint/engine';
import { createHealthReporter, type HealthReporter, type Tracing, untraced } from '@setpoint/participant';
import {
  createEnvelopeWriter,
  createTopics,
  type EnvelopeWriter,
  type KeyRing,
  type Result,
  SetpointError,
  type Signer,
  type Topics,
} from '@setpoint/protocol';
import type { Logger } from 'pino';
import { createBrokerLog, firstTry } from './broker/broker-log.ts';
import type { InstanceView } from './instances/instance-view.ts';
import { createInstanceWatch } from './instances/instance-watch.ts';
import { createBeacon } from './publish/beacon.ts';
import { readBack } from './publish/read-back.ts';
import { createOutboxPublisher } from './publish/snapshot-publisher.ts';
import { createStaleRepair } from './publish/stale-repair.ts';
import { fileProblem, type Readiness, readinessOf, refuseFaultyFirstStart } from './readiness.ts';
import { createRequestHandler } from './requests/request-handler.ts';
import { createTracedRequests, type TracedRequests } from './requests/traced-requests.ts';
import { startRetention } from './retention.ts';
import { type OrganisationRules, openOrganisationRules, type RulesInForce } from './rules/organisation-rules.ts';
import { openSources, type Sources, type SourcesOptions } from './sources/sources.ts';

export interface AuthorityOptions {
  /** The name under which it reports its health. @default "config-authority" */
  readonly id?: string;
  /** @default "" */
  readonly prefix?: string;
  /** Closed by the caller, after the authority has stopped. */
  readonly store: Store;
  /** Makes the connection to the broker; the authority starts and stops it. */
  readonly openBus: (options: BusOptions) => Bus;
  readonly signer: Signer;
  /** Believes what `signer` signed. */
  readonly ownKeys: KeyRing;
  /** Whose requests to carry out. @default whoever the broker lets publish them */
  readonly operatorKeys?: KeyRing | undefined;
  /** The folder with the services' files. @default none */
  readonly configDir?: string;
  /** The folder with rules of the household. @default `_rules` in `configDir` */
  readonly rulesDir?: string | undefined;
  /** The variables that may hold settings, and that files may name. @default none */
  readonly environment?: SourcesOptions['environment'];
  /** A dotenv file with more of them. @default `.env` in the folder, where there is one */
  readonly envFile?: string | undefined;
  /** The settings that go before all others, by service. @default none */
  readonly arguments?: SourcesOptions['arguments'];
  readonly logger: Logger;
  /** `openTelemetry()` of `@setpoint/client/opentelemetry`. @default none is recorded, and traces pass through */
  readonly tracing?: Tracing;
  /** Bytes. @default 1048576 */
  readonly maxEnvelopeBytes?: number;
  /** Milliseconds. @default 5000 */
  readonly keepaliveIntervalMs?: number;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: () => number;
}

/** A running authority. */
export interface Authority extends AsyncDisposable {
  /** What concerns every service is addressed to this name. */
  readonly id: string;
  readonly engine: Engine;
  /** Asks the engine for what somebody else has asked for, in the trace of that. */
  readonly perform: TracedRequests['perform'];
  readonly instances: InstanceView;
  readiness(): Readiness;
  /**
   * Resolves when the broker was reached, or with why it was not at the first attempt; it is tried again. Waits 2 seconds
   * at most.
   */
  reached(): Promise<string | undefined>;
  /** Reads the sources of a service again. Resolves when they are taken in, with what has become of them. */
  reload(service: string): Promise<Result>;
  /** The same for every service, and for the env file. */
  reloadAll(): Promise<void>;
  /**
   * Stops: takes no more requests, answers those under way, publishes what is decided, says `shutdown`, disconnects.
   * What could not be published by then is published by the next start. Can be called twice.
   */
  stop(): Promise<void>;
}

/** What is under way and what is decided get this long when the authority stops, however slow the broker. Milliseconds. */
const flushMs = 2000;
/** Whoever started it is told where things are after this long, whatever the broker does. Milliseconds. */
const firstTryMs = 2000;
/** The last report gets this long after it. Milliseconds. */
const farewellMs = 1000;

/**
 * Starts an authority. Resolves when its files are taken in and it is connecting; with a broker that is not there it
 * goes on connecting, and what is decided meanwhile is published then.
 * @throws whatever the store or the folder says
 */
export async function startAuthority(options: AuthorityOptions): Promise<Authority> {
  const parts = await openParts(options);
  const { bus, health, logger } = parts;
  const { outbox, requests, instances, repair, files, organisationRules } = await startParts(options, parts);
  // The policy is in force by now.
  const retention = startRetention(parts.engine, logger);
  let stopping: Promise<void> | undefined;

  async function stop(): Promise<void> {
    await Promise.all([files?.stop(), organisationRules?.stop(), retention.stop()]);
    const late = AbortSignal.timeout(flushMs);
    await Promise.race([requests.stop(), untilAborted(late)]);
    await outbox.flush(late).catch(() => {
      logger.warn('stopping with snapshots that no broker has acknowledged; the next start publishes them');
    });
    outbox.stop();
    repair.stop();
    await instances.stop();
    const farewell = health
      .close()
      .catch((cause: unknown) => logger.debug({ err: cause }, 'the farewell was not published'));
    await Promise.race([farewell, after(farewellMs)]);
    await bus.stop();
  }

  const authority: Authority = {
    id: parts.id,
    engine: parts.engine,
    perform: parts.traced.perform,
    instances,
    readiness: () =>
      readinessOf({
        bus,
        engine: parts.engine,
        isListening: parts.isListening(),
        ruleFaults: organisationRules?.problems() ?? [],
      }),
    reached: () => firstTry(bus, firstTryMs),
    async reload(service) {
      if (files) return files.reload(service);
      throw new SetpointError('options_invalid', 'this authority has no folder of files that could be read again');
    },
    reloadAll: async () => files?.reloadAll(),
    stop() {
      stopping ??= stop();
      return stopping;
    },
    [Symbol.asyncDispose]: () => authority.stop(),
  };
  return authority;
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((settle) => {
    if (signal.aborted) settle();
    else signal.addEventListener('abort', () => settle(), { once: true });
  });

/** Resolves after a time; does not keep the process alive. */
const after = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms).unref());

interface Parts {
  readonly engine: Engine;
  readonly contracts: ContractRegistry;
  readonly tracker: ConvergenceTracker;
  readonly inForce: RulesInForce;
  readonly traced: TracedRequests;
  readonly bus: Bus;
  readonly topics: Topics;
  readonly writer: EnvelopeWriter;
  readonly health: HealthReporter;
  readonly beacon: ReturnType<typeof createBeacon>;
  readonly logger: Logger;
  readonly now: () => number;
  readonly id: string;
  readonly isListening: () => boolean;
  readonly setListening: () => void;
}

async function openParts(options: AuthorityOptions): Promise<Parts> {
  const { id = 'config-authority', prefix = '', store, signer, logger, now = Date.now, maxEnvelopeBytes } = options;
  const topics = createTopics(prefix);
  const writer = createEnvelopeWriter({ source: `/authority/${id}`, signer, maxEnvelopeBytes, now });
  const contracts = createContractRegistry();
  const tracker = createConvergenceTracker();
  const inForce: RulesInForce = {};
  const engine = await createEngine({
    store,
    id,
    now,
    ...(maxEnvelopeBytes !== undefined && { maxEnvelopeBytes }),
    contracts,
    instances: () => tracker.instances(),
    policies: () => inForce.policies,
    rules: () => inForce.rules,
  });
  const traced = createTracedRequests(engine, options.tracing ?? untraced);
  const beacon = createBeacon(() => store.commitCount);
  const health = createHealthReporter({
    topics,
    writer,
    instance: id,
    service: id,
    contract: undefined,
    keepaliveIntervalMs: options.keepaliveIntervalMs ?? 5000,
    now,
    config: () => undefined,
    beacon: () => beacon.read(),
    onDouble: () => logger.error({ id }, 'another authority uses this id on this broker; stop one of them'),
    onFailed: (cause) => logger.debug({ err: cause }, 'a report was not published'),
  });
  const bus = options.openBus({
    will: () => health.will(),
    ...(maxEnvelopeBytes !== undefined && { maxMessageBytes: maxEnvelopeBytes + topicBytes }),
    onFault: ({ kind, message, cause }) => logger.warn({ kind, err: cause }, message),
  });
  let isListening = false;
  return {
    engine,
    contracts,
    tracker,
    inForce,
    traced,
    bus,
    topics,
    writer,
    health,
    beacon,
    logger,
    now,
    id,
    isListening: () => isListening,
    setListening: () => {
      isListening = true;
    },
  };
}

/** Room for the topic and the packet's header. */
const topicBytes = 1024;

async function startParts(options: AuthorityOptions, parts: Parts) {
  const { engine, contracts, tracker, bus, topics, writer, health, beacon, logger, now, id } = parts;
  const { store, operatorKeys, ownKeys: keys, configDir, tracing } = options;
  let files: Sources | undefined;
  let organisationRules: OrganisationRules | undefined;
  const stored = new Map((await store.services()).map(({ service, latest }) => [service, latest]));
  const pending = await store.pendingOutbox();
  const outbox = createOutboxPublisher({ bus, store, topics, writer, logger, tracing });
  contracts.onLiveChange((service) => files?.retype(service));
  const instances = createInstanceWatch({ bus, contracts, tracker, topics, writer, id, logger, now, tracing });

  const reassert = (record: VersionRecord): void => {
    const { service } = record.snapshot;
    logger.warn({ service }, 'the retained snapshot is missing, older or not ours: published again');
    outbox.enqueue(record);
  };
  const repair = createStaleRepair({ latest: (service) => stored.get(service), reassert });
  instances.onHealth((health) => repair.hear(health));

  for (const { snapshot, deleted } of stored.values()) if (!deleted) instances.target(snapshot);
  // Before it was killed it may have told nobody yet, and a broker may keep older ones.
  for (const { snapshot } of newest([...stored.values()])) beacon.changed(snapshot.service, snapshot);
  for (const { service } of pending) {
    const record = stored.get(service);
    if (record) outbox.enqueue(record);
  }
  engine.onCommit((record: VersionRecord, requestId) => {
    const { service } = record.snapshot;
    stored.set(service, record);
    outbox.enqueue(record, parts.traced.traceOf(requestId));
    beacon.changed(service, record.snapshot);
    repair.changed(service);
    if (record.deleted) instances.release(service);
    else instances.target(record.snapshot);
  });

  const requests = createRequestHandler({
    bus,
    engine,
    topics,
    writer,
    operatorKeys,
    logger,
    now,
    perform: parts.traced.perform,
  });
  const tellOfBroker = createBrokerLog(logger, () => performance.now());
  bus.onStatus((status) => {
    tellOfBroker(status);
    if (status.kind !== 'connected') return;
    readBack({ bus, topics, keys, latest: () => [...stored.values()], reassert, now }).catch((cause) =>
      logger.warn({ err: cause }, 'the retained snapshots could not be read back'),
    );
  });

  const report = (): void => {
    if (!parts.isListening()) return;
    const problem = fileProblem(engine, organisationRules?.problems() ?? []);
    const said = health.health();
    if (!problem && said.state === 'ready') return;
    if (problem) health.report('degraded', 'degraded', problem);
    else health.report('ready', 'ready');
  };
  // A version may also come of one of another service.
  engine.onCommit(report);
  files = await openFiles();

  async function openFiles(): Promise<Sources | undefined> {
    if (configDir === undefined) return undefined;
    const { environment = {}, envFile, arguments: given = new Map() } = options;
    let opened: Sources | undefined;
    try {
      // Before any document is taken in, so that they count for the first ones too.
      organisationRules = await openOrganisationRules({
        configDir,
        rulesDir: options.rulesDir,
        inForce: parts.inForce,
        logger,
        onRead: report,
      });
      opened = await openSources({
        directory: configDir,
        environment,
        envFile,
        arguments: given,
        engine,
        logger,
        onLoaded: report,
      });
      refuseFaultyFirstStart(engine, (service) => stored.has(service));
      return opened;
    } catch (cause) {
      await Promise.all([opened?.stop(), organisationRules?.stop()]);
      outbox.stop();
      await Promise.all([requests.stop(), instances.stop()]);
      await bus.stop();
      throw cause;
    }
  }

  health.attach(bus);
  bus.start().catch(() => undefined);
  requests.ready.then(
    () => {
      parts.setListening();
      report();
    },
    () => undefined,
  );
  return { outbox, requests, instances, repair, files, organisationRules };
}

/** Services that the first beacons name, whatever is in the store. */
const namedAtStart = 100;

/** The services that changed last, the very last one at the end. */
const newest = (records: readonly VersionRecord[]): VersionRecord[] =>
  records
    .filter(({ deleted }) => !deleted)
    .sort((a, b) => (a.snapshot.committedAt < b.snapshot.committedAt ? -1 : 1))
    .slice(-namedAtStart);
