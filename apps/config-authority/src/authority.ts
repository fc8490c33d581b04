import { authoring } from '@setpoint/authoring';
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
import {
  createHealthReporter,
  createThrottle,
  type HealthReporter,
  type Tracing,
  untraced,
} from '@setpoint/participant';
import {
  createEnvelopeWriter,
  createTopics,
  type EnvelopeWriter,
  type Fault,
  type KeyRing,
  type Result,
  SetpointError,
  type Signer,
  type Topics,
} from '@setpoint/protocol';
import type { Logger } from 'pino';
import { createBrokerLog, firstTry } from './broker/broker-log.ts';
import { type CommitStep, openCommitStep } from './commit.ts';
import type { InstanceView } from './instances/instance-view.ts';
import { createInstanceWatch, type InstanceWatch } from './instances/instance-watch.ts';
import { type Beacon, createBeacon } from './publish/beacon.ts';
import { readBack } from './publish/read-back.ts';
import { createSnapshotPublisher, type SnapshotPublisher } from './publish/snapshot-publisher.ts';
import { createSnapshotWatch, type SnapshotWatch } from './publish/snapshot-watch.ts';
import { createStaleRepair, type StaleRepair } from './publish/stale-repair.ts';
import { fileProblem, type Readiness, readinessOf, refuseFaultyFirstStart } from './readiness.ts';
import { createRequestHandler, type RequestHandler } from './requests/request-handler.ts';
import { createTracedRequests, type TracedRequests } from './requests/traced-requests.ts';
import { type Retention, startRetention } from './retention.ts';
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
  /** Accepts what `signer` signed. */
  readonly ownKeys: KeyRing;
  /** The operators whose requests are accepted. @default anyone whom the broker lets publish them */
  readonly operatorKeys?: KeyRing | undefined;
  /** The folder with the files of the services. @default none */
  readonly configDir?: string;
  /** The folder with the rules of the organisation. @default `_rules` in `configDir` */
  readonly rulesDir?: string | undefined;
  /** Whether one service with wrong files and no earlier version ends the start of all. @default false */
  readonly isStrictStart?: boolean;
  /** Folders besides `configDir` that its files may include from, or be linked to. @default none */
  readonly includeDirs?: readonly string[] | undefined;
  /** Folders that are never read as configuration, such as the one with the signing key. @default none */
  readonly ownDirs?: readonly string[] | undefined;
  /** The variables that may hold settings, and that files may name. @default none */
  readonly environment?: SourcesOptions['environment'];
  /** A dotenv file with more of them. @default `.env` in `configDir`, if it exists */
  readonly envFile?: string | undefined;
  /** The settings with the highest precedence, by service. @default none */
  readonly arguments?: SourcesOptions['arguments'];
  readonly logger: Logger;
  /** `openTelemetry()` of `@setpoint/client/opentelemetry`. @default records nothing and passes traces on */
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
  /** Requests that concern every service are addressed to this name. */
  readonly id: string;
  readonly engine: Engine;
  /** Has the engine decide a request, in the trace of its requester. */
  readonly perform: TracedRequests['perform'];
  readonly instances: InstanceView;
  readiness(): Readiness;
  /**
   * Resolves when the first attempt to reach the broker has ended: with undefined, or with the reason of its failure.
   * Waits 2 seconds at most. Attempts go on in any case.
   */
  reached(): Promise<string | undefined>;
  /** Reads the files of a service again. Resolves to the result once they were taken in. */
  reload(service: string): Promise<Result>;
  /** Reads the files of every service and the env file again. */
  reloadAll(): Promise<void>;
  /**
   * Stops: takes no more requests, answers those under way, publishes what is decided, reports `shutdown`, disconnects.
   * The next start publishes what could not be published. May be called twice.
   */
  stop(): Promise<void>;
}

/** How long a stop waits for requests under way and for publications, however slow the broker is. Milliseconds. */
const flushMs = 2000;
/** How long `reached` waits for the broker. Milliseconds. */
const firstTryMs = 2000;
/** How long the last report may take after that. Milliseconds. */
const farewellMs = 1000;
/** Room for the topic and the header of a packet. Bytes. */
const topicBytes = 1024;

/**
 * Starts an authority. Resolves when its files were taken in and it is connecting. While the broker is not there it goes
 * on connecting, and publishes then what it decided meanwhile.
 * @throws SetpointError `file_invalid` for a new service whose files are faulty, `options_invalid`; whatever the store or
 * the folder throws
 *
 * @example
 * await using store = await openSqliteStore({ file: 'setpoint.db' });
 * const keys = await openAuthorityKeys('.setpoint');
 * await using authority = await startAuthority({
 *   store,
 *   openBus: (options) => createMqttBus({ url: 'mqtt://127.0.0.1:1883', ...options }),
 *   signer: keys.signer,
 *   ownKeys: keys.own,
 *   configDir: 'config',
 *   logger: pino(),
 * });
 */
export async function startAuthority(options: AuthorityOptions): Promise<Authority> {
  const running = new RunningAuthority(options, await openEngine(options));
  await running.start();
  return running;
}

/** The engine, with what the rest of the authority puts into it: contracts, instances, policies and rules. */
interface EngineParts {
  readonly engine: Engine;
  readonly contracts: ContractRegistry;
  readonly tracker: ConvergenceTracker;
  readonly inForce: RulesInForce;
}

async function openEngine({ store, id, now, maxEnvelopeBytes }: AuthorityOptions): Promise<EngineParts> {
  const contracts = createContractRegistry();
  const tracker = createConvergenceTracker();
  const inForce: RulesInForce = {};
  const engine = await createEngine({
    store,
    ...(id !== undefined && { id }),
    ...(now !== undefined && { now }),
    ...(maxEnvelopeBytes !== undefined && { maxEnvelopeBytes }),
    authoring,
    contracts,
    instances: () => tracker.instances(),
    policies: () => inForce.policies,
    rules: () => inForce.rules,
  });
  return { engine, contracts, tracker, inForce };
}

/** Wires the engine to a bus, its files and its rules. Started in the order of its parts, stopped in reverse. */
class RunningAuthority implements Authority {
  readonly id: string;
  readonly engine: Engine;
  readonly perform: TracedRequests['perform'];
  readonly #options: AuthorityOptions;
  readonly #inForce: RulesInForce;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #topics: Topics;
  readonly #writer: EnvelopeWriter;
  readonly #beacon: Beacon;
  readonly #health: HealthReporter;
  readonly #bus: Bus;
  readonly #traced: TracedRequests;
  readonly #publisher: SnapshotPublisher;
  readonly #instances: InstanceWatch;
  readonly #requests: RequestHandler;
  #rules: OrganisationRules | undefined;
  #sources: Sources | undefined;
  #retention: Retention | undefined;
  #repair: StaleRepair | undefined;
  #snapshotWatch: SnapshotWatch | undefined;
  #commits: CommitStep | undefined;
  #isListening = false;
  #stopping: Promise<void> | undefined;

  constructor(options: AuthorityOptions, { engine, contracts, tracker, inForce }: EngineParts) {
    const { id = 'config-authority', prefix = '', store, signer, logger, now = Date.now, maxEnvelopeBytes } = options;
    const { tracing = untraced, operatorKeys } = options;
    this.#options = options;
    this.id = id;
    this.engine = engine;
    this.#inForce = inForce;
    this.#logger = logger;
    this.#now = now;
    this.#topics = createTopics(prefix);
    this.#writer = createEnvelopeWriter({ source: `/authority/${id}`, signer, maxEnvelopeBytes, now });
    this.#beacon = createBeacon(() => store.commitCount);
    this.#health = this.#createHealth();
    this.#bus = options.openBus({
      will: () => this.#health.will(),
      ...(maxEnvelopeBytes !== undefined && { maxMessageBytes: maxEnvelopeBytes + topicBytes }),
      onFault: ({ kind, message, cause }) => logger.warn({ kind, err: cause }, message),
    });
    const shared = { bus: this.#bus, topics: this.#topics, writer: this.#writer, logger, now };
    this.#traced = createTracedRequests(engine, tracing);
    this.perform = this.#traced.perform;
    const onPublish: SnapshotWatch['published'] = (service, payload) =>
      this.#snapshotWatch?.published(service, payload);
    this.#publisher = createSnapshotPublisher({ ...shared, store, tracing, onPublish });
    contracts.onLiveChange((service) => this.#sources?.retype(service));
    this.#instances = createInstanceWatch({ ...shared, contracts, tracker, id, tracing });
    this.#requests = createRequestHandler({ ...shared, engine, operatorKeys, perform: this.perform });
  }

  get instances(): InstanceView {
    return this.#instances;
  }

  /** @throws what opening the files throws, after everything that was started has been stopped */
  async start(): Promise<void> {
    try {
      await this.#followCommits();
      await this.#openFiles();
    } catch (cause) {
      await this.#abandon();
      throw cause;
    }
    this.#connect();
    // The policy is in force by now.
    this.#retention = startRetention(this.engine, this.#logger);
  }

  readiness(): Readiness {
    return readinessOf({
      bus: this.#bus,
      engine: this.engine,
      isListening: this.#isListening,
      ruleFaults: this.#ruleFaults,
    });
  }

  reached(): Promise<string | undefined> {
    return firstTry(this.#bus, firstTryMs);
  }

  async reload(service: string): Promise<Result> {
    if (this.#sources) return this.#sources.reload(service);
    throw new SetpointError('options_invalid', 'this authority has no folder of files that could be read again');
  }

  async reloadAll(): Promise<void> {
    await this.#sources?.reloadAll();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #createHealth(): HealthReporter {
    const { id } = this;
    return createHealthReporter({
      topics: this.#topics,
      writer: this.#writer,
      instance: id,
      service: id,
      contract: undefined,
      keepaliveIntervalMs: this.#options.keepaliveIntervalMs ?? 5000,
      now: this.#now,
      config: () => undefined,
      beacon: () => this.#beacon.read(),
      onNameConflict: () =>
        this.#logger.error({ id }, 'another authority uses this id on this broker; stop one of them'),
      onFailed: (cause) => this.#logger.debug({ err: cause }, 'a report was not published'),
    });
  }

  /** Publishes every version from its commit on, and again when a broker or an instance has an older one. */
  async #followCommits(): Promise<void> {
    const { store, ownKeys: keys } = this.#options;
    const commits = await openCommitStep({
      store,
      engine: this.engine,
      publisher: this.#publisher,
      beacon: this.#beacon,
      traced: this.#traced,
    });
    const throttle = createThrottle({ perMs: 1000, now: () => performance.now() });
    const reassert = (record: VersionRecord): void => {
      const { service } = record.snapshot;
      const leftOut = throttle.admit('reassert');
      if (leftOut !== undefined) {
        const fields = { service, ...(leftOut > 0 && { leftOut }) };
        this.#logger.warn(fields, 'the retained snapshot is missing, older or not ours: published again');
      }
      this.#publisher.enqueue(record);
    };
    const repair = createStaleRepair({ latest: commits.latest, reassert });
    this.#repair = repair;
    this.#instances.onHealth((health) => repair.hear(health));
    commits.follow({ instances: this.#instances, repair });
    const { latest } = commits;
    const watched = { bus: this.#bus, topics: this.#topics, keys, latest, reassert, now: this.#now };
    this.#snapshotWatch = createSnapshotWatch(watched);
    const logBroker = createBrokerLog(this.#logger, () => performance.now());
    this.#bus.onStatus((status) => {
      logBroker(status);
      if (status.kind !== 'connected') return;
      readBack({ ...watched, services: commits.services }).catch((cause) =>
        this.#logger.warn({ err: cause }, 'the retained snapshots could not be read back'),
      );
    });
    // A commit may also mend the problem of another service.
    this.engine.onCommit(() => this.#reportFiles());
    this.#commits = commits;
  }

  /** Rules before sources, so that they count for the first documents too. */
  async #openFiles(): Promise<void> {
    const { configDir, rulesDir, environment = {}, envFile, arguments: given = new Map() } = this.#options;
    if (configDir === undefined) return;
    const onRead = (): void => this.#reportFiles();
    this.#rules = await openOrganisationRules({
      configDir,
      rulesDir,
      inForce: this.#inForce,
      logger: this.#logger,
      onRead,
    });
    this.#sources = await openSources({
      engine: this.engine,
      logger: this.#logger,
      directory: configDir,
      includeDirs: this.#options.includeDirs,
      ownDirs: this.#options.ownDirs,
      environment,
      envFile,
      arguments: given,
      onLoaded: onRead,
    });
    if (this.#options.isStrictStart) {
      refuseFaultyFirstStart(this.engine, (service) => this.#commits?.latest(service) !== undefined);
    }
  }

  #connect(): void {
    this.#health.attach(this.#bus);
    this.#bus.start().catch(() => undefined);
    this.#requests.ready.then(
      () => {
        this.#isListening = true;
        this.#reportFiles();
      },
      () => undefined,
    );
  }

  /** Reports ready, or degraded while files are faulty. */
  #reportFiles(): void {
    if (!this.#isListening) return;
    const problem = fileProblem(this.engine, this.#ruleFaults);
    if (problem) this.#health.report('degraded', 'degraded', problem);
    else if (this.#health.health().state !== 'ready') this.#health.report('ready', 'ready');
  }

  get #ruleFaults(): readonly Fault[] {
    return this.#rules?.problems() ?? [];
  }

  /** Undoes a start that failed. */
  async #abandon(): Promise<void> {
    await Promise.all([this.#sources?.stop(), this.#rules?.stop()]);
    this.#publisher.stop();
    await Promise.all([this.#requests.stop(), this.#instances.stop(), this.#snapshotWatch?.stop()]);
    await this.#bus.stop();
  }

  async #stop(): Promise<void> {
    await Promise.all([this.#sources?.stop(), this.#rules?.stop(), this.#retention?.stop()]);
    const late = AbortSignal.timeout(flushMs);
    await Promise.race([this.#requests.stop(), untilAborted(late)]);
    await this.#publisher.flush(late).catch(() => {
      this.#logger.warn('stopping with snapshots that no broker has acknowledged; the next start publishes them');
    });
    this.#publisher.stop();
    this.#repair?.stop();
    await Promise.all([this.#instances.stop(), this.#snapshotWatch?.stop()]);
    const farewell = this.#health
      .close()
      .catch((cause: unknown) => this.#logger.debug({ err: cause }, 'the last report was not sent'));
    await Promise.race([farewell, resolveAfter(farewellMs)]);
    await this.#bus.stop();
  }
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((settle) => {
    if (signal.aborted) settle();
    else signal.addEventListener('abort', () => settle(), { once: true });
  });

/** Resolves after a time, without keeping the process alive. */
const resolveAfter = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms).unref());
