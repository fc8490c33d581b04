import type { Bus } from '@setpoint/bus';
import type { Logger } from '@setpoint/participant';
import {
  createHealthReporter,
  createRateLimitedLog,
  createRetryingPublisher,
  guardLogger,
  type HealthReporter,
  type RetryingPublisher,
  startBackgroundTimer,
} from '@setpoint/participant';
import {
  type Contract,
  contractType,
  createEnvelopeWriter,
  createProblem,
  type EnvelopeWriter,
  type Health,
  keepaliveType,
  type Pointer,
  readPointer,
  SetpointError,
  type Stamp,
  tryOpenMessage,
} from '@setpoint/protocol';
import type { z } from 'zod';
import { createDefaultLogger } from '#runtime/default-logger';
import { Configuration, type Outcome } from '../configuration/configuration.ts';
import { createLiveDocument, type LiveDocument } from '../configuration/live-document.ts';
import type { Received } from '../configuration/receive.ts';
import { createOutcomeReports, type OutcomeReports } from '../health/apply-reports.ts';
import { createShelf, type Shelf } from '../last-good/last-good-store.ts';
import { createAheadWatch, describeAhead } from '../liveness/ahead-of-authority.ts';
import { type Liveness, watchLiveness } from '../liveness/liveness.ts';
import { createBeaconWatch } from '../liveness/lost-snapshot.ts';
import { watchReturns } from '../liveness/reconnect-log.ts';
import { createMessenger, type Messenger, type OwnMessenger } from '../messaging/messenger.ts';
import { createObserver, type Observer } from '../observe/observer.ts';
import { type ConnectOptions, type ResolvedOptions, resolveOptions } from '../options/options.ts';
import { onAbort } from '../transaction/handler-step.ts';
import { instanceOfAnother, type OpenOptions, optionsOfAnother } from './additional-document-options.ts';
import { Others } from './additional-documents.ts';
import { noConfiguration } from './no-configuration.ts';

/** The configuration of a service, kept up to date for as long as it is open. */
export interface Connection<T> extends LiveDocument<T>, AsyncDisposable {
  /** The name of this process. */
  readonly instance: string;
  /** Messages between services, on the same connection. */
  readonly messenger: Messenger;
  /** The bus itself, for what the messenger does not do; on MQTT its `client` is the MQTT.js client. */
  readonly bus: Bus;
  /** What this process reports of itself. */
  health(): Health;
  /**
   * Connects another document of this process, on the same connection: an instance of its own, `<instance>-<service>`
   * unless it is given a name, with a health of its own, and the options of `connect` for all that it does not say
   * itself. It stops with this one, or before.
   * @throws SetpointError as `connect`
   */
  open<Schema extends z.ZodType>(options: OpenOptions<Schema>): Promise<Connection<z.output<Schema>>>;
  /** What runs, without any value of the document: for logs, and for whoever writes it as JSON by mistake. */
  toJSON(): ConnectionSummary;
  /** Ends: finishes the change under way, reports `shutdown`, disconnects. Can be called twice. */
  stop(): Promise<void>;
}

/** A connection as JSON. */
export interface ConnectionSummary extends Pick<LiveDocument<unknown>, 'state' | 'providerState' | 'stamp'> {
  readonly instance: string;
  readonly service: string;
}

/** A stop takes no longer than 5 s, whatever hangs: this long, and half a second to close the connection. Milliseconds. */
const stopMs = 4000;
/** Of it, what runs gets this long to finish. Milliseconds. */
const handlersMs = 2000;
/** And the last report this long. Milliseconds. */
const farewellMs = 1000;

/**
 * Connects a service to its configuration. Resolves when there is a document to run on: the live one, else the last
 * good one, else the schema's defaults, as `withoutSnapshot` says; later ones are applied as they come.
 * @throws SetpointError `options_invalid`; `no_configuration` where none of these gave a document; `stopped` when
 * `signal` aborted
 * @see docs/protocol.md#8-what-a-client-does
 */
export const connect = <Schema extends z.ZodType>(
  options: ConnectOptions<Schema>,
): Promise<Connection<z.output<Schema>>> => begin(options, true);

/** @param isFirst nobody else tells how the connection is, and whom it believes */
async function begin<Schema extends z.ZodType>(
  options: ConnectOptions<Schema>,
  isFirst: boolean,
): Promise<Connection<z.output<Schema>>> {
  const resolved = resolveOptions(options);
  const logger = guardLogger(options.logger ?? (await createDefaultLogger(resolved.instance)));
  const session = new Session<z.output<Schema>>(
    resolved,
    options.schema as z.ZodType<z.output<Schema>>,
    resolved.contract,
    logger,
    (bus, another) => begin(optionsOfAnother({ ...options, logger }, bus, another), false),
    isFirst,
  );
  try {
    await session.start(options.signal);
  } catch (cause) {
    await session.stop();
    throw cause;
  }
  return session.connection;
}

/** Connects another document on the connection of the first. */
type ConnectAnother = <Schema extends z.ZodType>(
  bus: Bus,
  another: OpenOptions<Schema> & { readonly instance: string },
) => Promise<Connection<z.output<Schema>>>;

class Session<T> {
  readonly #options: ResolvedOptions;
  readonly #contract: Contract;
  readonly #logger: Logger;
  readonly #writer: EnvelopeWriter;
  readonly #configuration: Configuration<T>;
  readonly #health: HealthReporter;
  readonly #reports: OutcomeReports;
  readonly #observer: Observer;
  readonly #shelf: Shelf;
  readonly #connectAnother: ConnectAnother;
  readonly #others: Others;
  readonly #isFirst: boolean;
  /** For what a stranger can cause as often as they like. */
  readonly #logLimited: ReturnType<typeof createRateLimitedLog>;
  /** Resolves when a snapshot of the authority turned out well or badly. */
  readonly #firstOutcome = Promise.withResolvers<void>();
  readonly #firstDocument = Promise.withResolvers<void>();
  #bus: Bus | undefined;
  /** Why the broker's snapshot, the last one, was not applied. */
  #refusal: SetpointError | undefined;
  #liveness: Liveness | undefined;
  #announcing: RetryingPublisher | undefined;
  #messenger: OwnMessenger | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    options: ResolvedOptions,
    schema: z.ZodType<T>,
    contract: Contract,
    logger: Logger,
    connectAnother: ConnectAnother,
    isFirst: boolean,
  ) {
    const { service, authority, instance, topics, keys, now, applyTimeoutMs, heartbeatIntervalMs, tracing } = options;
    this.#options = options;
    this.#contract = contract;
    this.#logger = logger;
    this.#logLimited = createRateLimitedLog(logger);
    this.#others = new Others(instance);
    this.#writer = createEnvelopeWriter({ source: `/instance/${instance}`, now });
    this.#shelf = createShelf(options, logger);
    this.#connectAnother = connectAnother;
    this.#isFirst = isFirst;
    this.#observer = createObserver({ service, instance, tracing });
    this.#configuration = new Configuration<T>({
      service,
      authority,
      schema,
      keys,
      applyTimeoutMs,
      now,
      policy: options.policy,
      quarantine: this.#shelf.quarantine,
      onFirst: () => this.#firstDocument.resolve(),
      remember: (received) => this.#shelf.remember(received),
      onOutcome: (outcome) => this.#tell(outcome),
      onRevertFailed: (cause) =>
        logger.error({ err: cause }, 'a handler could not go back to the old configuration; restart this process'),
      onStaleness: (staleness) => this.#reports.tellStaleness(staleness),
      onListenerFailed: (cause) => logger.error({ err: cause }, 'a listener of the configuration threw'),
      observer: this.#observer,
    });
    this.#configuration.onState((change) => this.#observer.state(change));
    this.#health = createHealthReporter({
      topics,
      writer: this.#writer,
      instance,
      service,
      contract: contract.digest,
      keepaliveIntervalMs: heartbeatIntervalMs,
      reports: options.enableHealth,
      beats: options.enableHeartbeat,
      now,
      config: () => this.#configuration.report(),
      traceparent: () => this.#observer.traceparent,
      onDouble: () =>
        logger.error(
          { instance },
          'another process uses this instance name, and each says that the other is lost; give each an instance and a client id of its own, or leave both out',
        ),
      onFailed: (cause) => logger.debug({ err: cause }, 'a report was not published'),
    });
    const { staleness } = options.policy;
    this.#reports = createOutcomeReports({ service, staleness, logger, health: this.#health });
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    const { aborted, forget } = whenAborted(signal);
    try {
      await this.#start(aborted);
    } finally {
      forget();
    }
  }

  async #start(aborted: Promise<never>): Promise<void> {
    const { keys, service, startTimeoutMs } = this.#options;
    if (!keys && this.#isFirst)
      this.#logger.warn({ service }, 'no trusted keys: every snapshot that the broker delivers is believed');
    // The broker is dialled while the disk is read.
    const reading = this.#readShelf();
    const bus = await Promise.race([this.#openBus(), aborted]);
    this.#bus = bus;
    bus.onStatus((status) => this.#observer.connection(status));
    this.#subscribe(this.#observer.watch(bus), reading);
    // Not with the signal: a start may end well before the broker is reached, and the signal means the start alone.
    bus.start().catch((cause) => {
      if (!this.#stopping) this.#logger.error({ err: cause }, 'the bus did not start: nothing is received or sent');
    });
    const cached = await Promise.race([reading, aborted]);

    const { promise: document } = this.#firstDocument;
    await Promise.race([document, this.#firstOutcome.promise, after(startTimeoutMs), aborted]);
    if (this.#configuration.current !== undefined) return;
    await this.#startWithoutSnapshot(cached, aborted);
  }

  #openBus(): Promise<Bus> {
    return this.#options.openBus({
      ...(this.#options.enableHealth && { will: () => this.#health.will() }),
      onFault: ({ kind, message, cause }) => this.#logger.warn({ kind, err: cause }, message),
    });
  }

  #subscribe(bus: Bus, reading: Promise<unknown>): void {
    const { topics, service, authority, now } = this.#options;
    const beacon = createBeaconWatch(service);
    const ahead = createAheadWatch(service);
    const snapshots = bus.subscribe(topics.snapshot(service), ({ payload }) => {
      // What the disk has says what is too old to be applied.
      reading
        .then(() => this.#configuration.offer(payload))
        .catch((cause) =>
          this.#logger.error({ service, err: cause }, 'a snapshot was dropped; this is a fault of the client'),
        );
    });
    // After the snapshot, which a start waits for.
    const liveness = this.#watchLiveness(bus);
    bus.subscribe(
      topics.keepalive(authority),
      ({ payload }) => {
        const opened = tryOpenMessage(keepaliveType, payload, { now: now() });
        if (!opened) return;
        const { data: heard, envelope } = opened;
        this.#configuration.hear();
        liveness.heardAuthority({ sentAt: envelope.time, intervalMs: heard.intervalMs });
        const named = ahead.hear(heard, this.#configuration.stamp);
        if (named) this.#tellAhead(named);
        if (beacon.hear(heard, this.#configuration.observed)) {
          this.#logger.warn({ service }, 'a live snapshot was lost on the way; asking for the retained one');
          snapshots.refresh().catch((cause) => this.#logger.debug({ err: cause }, 'asking again failed'));
        }
      },
      { qos: 0 },
    );
    const announcing = this.#announce(bus);
    bus.onStatus((status) => {
      if (status.kind !== 'connected') return;
      beacon.reset();
      announcing.request();
    });
    if (this.#isFirst) {
      watchReturns(bus, (awayMs) =>
        this.#logger.warn({ service, awayMs }, `connected again after ${(awayMs / 1000).toFixed(1)} s`),
      );
    }
    this.#health.attach(bus);
  }

  #watchLiveness(bus: Bus): Liveness {
    const { topics, authority, heartbeatIntervalMs: intervalMs, now } = this.#options;
    const onSkew = (skewMs: number): void => {
      const said = `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'}`;
      this.#logger.warn({ skewMs }, `this clock is ${said} the authority's; set both by NTP, or requests expire early`);
    };
    this.#liveness = watchLiveness({ bus, authorityHealthTopic: topics.health(authority), intervalMs, now, onSkew });
    return this.#liveness;
  }

  /** Retained, and the same for every instance of this build: one that is there already is written over by itself. */
  #announce(bus: Bus): RetryingPublisher {
    const { topics, service } = this.#options;
    this.#announcing = createRetryingPublisher({
      isPossible: () => bus.status.kind === 'connected',
      publish: () => {
        const { bytes } = this.#writer.seal({ type: contractType, subject: service, data: this.#contract });
        return bus.publish(topics.contract(service, this.#contract.digest), bytes, { qos: 1, retain: true });
      },
      onFailed: (cause) => this.#logger.warn({ err: cause }, 'the contract was not announced; it is tried again'),
    });
    return this.#announcing;
  }

  async #readShelf(): Promise<Received | undefined> {
    await this.#shelf.quarantine?.open();
    const received = await this.#shelf.read();
    if (received) this.#configuration.setFloor(received.snapshot);
    return received;
  }

  async #startWithoutSnapshot(cached: Received | undefined, aborted: Promise<never>): Promise<void> {
    const { withoutSnapshot, service, policy } = this.#options;
    // What becomes of the kept one is no word of the broker's.
    const refusal = this.#refusal;
    if (policy.refusing.length > 0) throw this.#noConfiguration(cached !== undefined, refusal);
    if (cached && keepsAll(cached, policy.kept) && (await this.#configuration.takeCached(cached))) {
      this.#logger.warn(
        { service, version: cached.snapshot.version },
        'no live snapshot: started on the last good one',
      );
      return;
    }
    if (withoutSnapshot === 'defaults' && (await this.#configuration.takeDefaults(cached))) {
      this.#logger.warn({ service }, 'no snapshot, live or kept: started on the defaults of the schema');
      return;
    }
    if (withoutSnapshot !== 'wait') throw this.#noConfiguration(cached !== undefined, refusal);
    this.#configuration.takeNothing();
    this.#logger.warn({ service }, 'no snapshot, live or kept: waiting for one');
    await Promise.race([this.#firstDocument.promise, aborted]);
  }

  #noConfiguration(hadKept: boolean, refusal: SetpointError | undefined): SetpointError {
    return noConfiguration(this.#options, {
      isConnected: this.#bus?.status.kind === 'connected',
      refusal,
      hadKept,
      misfit: this.#configuration.misfit,
    });
  }

  #tellAhead(newest: Pick<Stamp, 'epoch' | 'version'>): void {
    const { service, authority } = this.#options;
    const message = describeAhead(authority, newest, this.#configuration.stamp);
    this.#logger.error({ service }, message);
    this.#health.report('degraded', 'degraded', createProblem('version_unknown', message));
  }

  #tell(outcome: Outcome): void {
    this.#observer.outcome(outcome);
    if (outcome.kind === 'rejected' || outcome.kind === 'refused') this.#refusal = outcome.error;
    // Garbage, and an older one that a broker kept, say nothing of what the authority is about to say.
    if (['applied', 'confirmed', 'rejected'].includes(outcome.kind)) this.#firstOutcome.resolve();
    this.#reports.tell(outcome);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  #open<Schema extends z.ZodType>(another: OpenOptions<Schema>): Promise<Connection<z.output<Schema>>> {
    const instance = instanceOfAnother(this.#options.instance, another);
    // Callers without types may leave the options out, which is told with all that is wrong.
    return this.#others.add(instance, another?.signal, (signal) =>
      this.#connectAnother<Schema>(this.#bus as Bus, { ...another, instance, signal }),
    );
  }

  async #close(): Promise<void> {
    const deadlineMs = performance.now() + stopMs;
    this.#liveness?.stop();
    this.#announcing?.stop();
    const others = this.#others.stop();
    // A handler that hangs is left behind; its signal has been aborted. What fails must not keep the rest from its end.
    const ended = Promise.allSettled([...others, this.#messenger?.stop(), this.#configuration.stop()]);
    await Promise.race([ended.then((results) => this.#tellFailed(results)), after(handlersMs)]);
    const farewell = this.#health.close().catch((cause) => this.#logger.debug({ err: cause }, 'no farewell'));
    await Promise.race([farewell, after(farewellMs)]);
    await this.#bus?.stop({ drainTimeoutMs: Math.min(2000, deadlineMs - performance.now()) });
  }

  #tellFailed(results: readonly PromiseSettledResult<unknown>[]): void {
    for (const result of results) {
      if (result.status === 'rejected') this.#logger.warn({ err: result.reason }, 'a part of the stop failed');
    }
  }

  get connection(): Connection<T> {
    const bus = this.#bus as Bus;
    const { instance, service, prefix, sourceName, dedupe, now, tracing } = this.#options;
    const messenger = createMessenger({
      bus: this.#observer.watch(bus),
      service,
      instance,
      sourceName,
      prefix,
      now,
      dedupe,
      messaging: this.#options.messaging,
      tracing,
      onFault: (message, cause, kind) => this.#logLimited('warn', kind, { err: cause }, message),
    });
    this.#messenger = messenger;
    // Onto the document, whose getters would be read once by a copy.
    const live = createLiveDocument(this.#configuration);
    return Object.assign(live, {
      instance,
      messenger,
      bus,
      open: <Schema extends z.ZodType>(another: OpenOptions<Schema>) => this.#open(another),
      health: () => this.#health.health(),
      toJSON: () => ({ instance, service, state: live.state, providerState: live.providerState, stamp: live.stamp }),
      stop: () => this.stop(),
      [Symbol.asyncDispose]: () => this.stop(),
    });
  }
}

/** Resolves after a time; does not keep the process alive. */
const after = (ms: number): Promise<undefined> =>
  new Promise((settle) => startBackgroundTimer(() => settle(undefined), ms));

/** Is all that must be kept in the last good one? What is not would be one of the schema's defaults. */
const keepsAll = ({ snapshot }: Received, kept: readonly Pointer[]): boolean =>
  kept.every((pointer) => readPointer(snapshot.values, pointer) !== undefined);

function whenAborted(signal: AbortSignal | undefined): { aborted: Promise<never>; forget: () => void } {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  // Nobody may be racing against it any more when it comes.
  aborted.catch(() => undefined);
  const forget = onAbort(signal, (cause) => reject(new SetpointError('stopped', 'the start was aborted', { cause })));
  return { aborted, forget };
}
