import type { Bus } from '@setpoint/bus';
import {
  type Contract,
  contractType,
  createEnvelopeWriter,
  createProblem,
  type EnvelopeWriter,
  type Health,
  keepaliveType,
  SetpointError,
  tryOpenMessage,
} from '@setpoint/protocol';
import type { z } from 'zod';
import { createBeaconWatch } from './beacon.ts';
import { type OpenOptions, optionsOfAnother } from './configuration/another.ts';
import { createLiveDocument, type LiveDocument } from './configuration/live-document.ts';
import { createShelf, type Shelf } from './configuration/shelf.ts';
import { Configuration, type Outcome } from './configuration.ts';
import { deriveContract } from './contract.ts';
import { createHealthReporter, type HealthReporter, toProblem } from './health.ts';
import { type Liveness, watchLiveness } from './liveness.ts';
import { createDefaultLogger, type Logger } from './logger.ts';
import { createMessenger, type Messenger, type OwnMessenger } from './messaging/messenger.ts';
import { createObserver, type Observer } from './observer.ts';
import { type ConnectOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import type { Received } from './receive.ts';

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
  /** Ends: finishes the change under way, reports `shutdown`, disconnects. Can be called twice. */
  stop(): Promise<void>;
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
export async function connect<Schema extends z.ZodType>(
  options: ConnectOptions<Schema>,
): Promise<Connection<z.output<Schema>>> {
  const resolved = resolveOptions(options);
  const contract = deriveContract(resolved.service, options.schema);
  const logger = options.logger ?? (await createDefaultLogger(resolved.instance));
  const session = new Session<z.output<Schema>>(
    resolved,
    options.schema as z.ZodType<z.output<Schema>>,
    contract,
    logger,
    (first, another) => connect(optionsOfAnother({ ...options, logger }, first, another)),
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
  first: { readonly instance: string; readonly bus: Bus },
  another: OpenOptions<Schema>,
) => Promise<Connection<z.output<Schema>>>;

class Session<T> {
  readonly #options: ResolvedOptions;
  readonly #contract: Contract;
  readonly #logger: Logger;
  readonly #writer: EnvelopeWriter;
  readonly #configuration: Configuration<T>;
  readonly #health: HealthReporter;
  readonly #observer: Observer;
  readonly #shelf: Shelf;
  readonly #connectAnother: ConnectAnother;
  readonly #others = new Set<Connection<unknown>>();
  /** Resolves when the broker's first snapshot turned out well or badly. */
  readonly #firstOutcome = Promise.withResolvers<Outcome>();
  readonly #firstDocument = Promise.withResolvers<void>();
  #bus: Bus | undefined;
  #liveness: Liveness | undefined;
  #messenger: OwnMessenger | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    options: ResolvedOptions,
    schema: z.ZodType<T>,
    contract: Contract,
    logger: Logger,
    connectAnother: ConnectAnother,
  ) {
    const { service, instance, topics, keys, now, applyTimeoutMs, heartbeatIntervalMs, tracing } = options;
    this.#options = options;
    this.#contract = contract;
    this.#logger = logger;
    this.#writer = createEnvelopeWriter({ source: `/instance/${instance}`, now });
    this.#shelf = createShelf(options, logger);
    this.#connectAnother = connectAnother;
    this.#observer = createObserver({ service, instance, tracing });
    this.#configuration = new Configuration<T>({
      service,
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
      onStaleness: (level) =>
        logger.warn({ service, level }, level === 'fresh' ? 'the authority is heard again' : 'the authority is silent'),
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
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    const { keys, service, startTimeoutMs } = this.#options;
    const aborted = whenAborted(signal);
    if (!keys) this.#logger.warn({ service }, 'no trusted keys: every snapshot that the broker delivers is believed');
    // The broker is dialled while the disk is read.
    const reading = this.#readShelf();
    const bus = await Promise.race([this.#openBus(), aborted]);
    this.#bus = bus;
    bus.onStatus((status) => this.#observer.connection(status));
    this.#subscribe(this.#observer.watch(bus), reading);
    // Not with the signal: a start may end well before the broker is reached, and the signal means the start alone.
    bus.start().catch(() => undefined);
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
        if (beacon.hear(heard, this.#configuration.observed)) {
          this.#logger.warn({ service }, 'a live snapshot was lost on the way; asking for the retained one');
          snapshots.refresh().catch((cause) => this.#logger.debug({ err: cause }, 'asking again failed'));
        }
      },
      { qos: 0 },
    );
    bus.onStatus((status) => {
      if (status.kind !== 'connected') return;
      beacon.reset();
      this.#announce(bus);
    });
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
  #announce(bus: Bus): void {
    const { topics, service } = this.#options;
    const { bytes } = this.#writer.seal({ type: contractType, subject: service, data: this.#contract });
    bus
      .publish(topics.contract(service, this.#contract.digest), bytes, { qos: 1, retain: true })
      .catch((cause) => this.#logger.warn({ err: cause }, 'the contract was not announced'));
  }

  async #readShelf(): Promise<Received | undefined> {
    await this.#shelf.quarantine?.open();
    const received = await this.#shelf.read();
    if (received) this.#configuration.setFloor(received.snapshot);
    return received;
  }

  async #startWithoutSnapshot(cached: Received | undefined, aborted: Promise<never>): Promise<void> {
    const { withoutSnapshot, service, policy } = this.#options;
    if (policy.refusing.length > 0) throw this.#noConfiguration(cached !== undefined);
    if (cached && (await this.#configuration.takeCached(cached))) {
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
    if (withoutSnapshot !== 'wait') throw this.#noConfiguration(cached !== undefined);
    this.#configuration.takeNothing();
    this.#logger.warn({ service }, 'no snapshot, live or kept: waiting for one');
    await Promise.race([this.#firstDocument.promise, aborted]);
  }

  #noConfiguration(hadCached: boolean): SetpointError {
    const { service, startTimeoutMs, withoutSnapshot, cacheDir, policy } = this.#options;
    const broker =
      this.#bus?.status.kind === 'connected' ? 'the broker has no snapshot that fits' : 'the broker was not reached';
    if (policy.refusing.length > 0) {
      const places = policy.refusing.join(', ');
      const message = `no live configuration for ${service} within ${startTimeoutMs} ms: ${broker}, and the boot policy of ${places} takes no other; start the broker and the authority, or mend the document`;
      return new SetpointError('no_configuration', message);
    }
    const disk = hadCached
      ? 'the one on disk does not fit'
      : cacheDir === undefined
        ? 'none is kept'
        : 'there is none on disk';
    const kept = policy.kept.length > 0 ? `, or what must be kept is missing (${policy.kept.join(', ')})` : '';
    const defaults = withoutSnapshot === 'defaults' ? `, and the schema has no default for every setting${kept}` : '';
    const message = `no configuration for ${service} within ${startTimeoutMs} ms: ${broker}, ${disk}${defaults}; start the broker and the authority, or choose withoutSnapshot: "wait"`;
    return new SetpointError('no_configuration', message);
  }

  #tell(outcome: Outcome): void {
    this.#observer.outcome(outcome);
    this.#firstOutcome.resolve(outcome);
    const { service } = this.#options;
    switch (outcome.kind) {
      case 'applied': {
        // It starts on another one than the broker's, which was told, and holds.
        const isInstead = outcome.isFirst && this.#configuration.report().lastAttempt?.outcome === 'rejected';
        if (isInstead) return this.#health.refresh();
        const event = outcome.isFirst
          ? 'ready'
          : outcome.restartRequired.length > 0
            ? 'restart_required'
            : 'config_applied';
        return this.#health.report('ready', event);
      }
      case 'confirmed':
        return this.#health.report('ready', 'ready');
      case 'rejected':
        this.#logger.error(
          { service, err: outcome.error },
          'a snapshot was not applied; the one before stays in force',
        );
        return this.#health.report('degraded', 'config_rejected', toProblem(outcome.error, 'handler_failed'));
      case 'refused':
        this.#logger.error({ service, err: outcome.error }, 'a snapshot was refused; the one before stays in force');
        return this.#health.report('degraded', 'degraded', toProblem(outcome.error, 'snapshot_refused'));
      case 'deleted':
        this.#logger.warn({ service }, 'the service was deleted at the authority; the document in force stays');
        return this.#health.report('degraded', 'degraded', createProblem('service_unknown', 'the service was deleted'));
      case 'skipped':
        return this.#recover(outcome.reason);
    }
  }

  /** What made this process say degraded, a forged message say, is over when the broker has what runs. */
  #recover(reason: Extract<Outcome, { kind: 'skipped' }>['reason']): void {
    // It is the present version now that was rejected.
    if (reason === 'failed_before') return this.#health.refresh();
    const { config, state } = this.#health.health();
    const isFine = reason === 'duplicate' && config?.lastAttempt?.outcome === 'applied';
    if (isFine && state === 'degraded') this.#health.report('ready', 'ready');
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  async #open<Schema extends z.ZodType>(another: OpenOptions<Schema>): Promise<Connection<z.output<Schema>>> {
    const { instance } = this.#options;
    const opened = await this.#connectAnother<Schema>({ instance, bus: this.#bus as Bus }, another);
    this.#others.add(opened);
    // It may have been stopped in between.
    if (this.#stopping) await opened.stop();
    return opened;
  }

  async #close(): Promise<void> {
    const deadlineMs = performance.now() + stopMs;
    this.#liveness?.stop();
    const others = [...this.#others].map((other) => other.stop());
    // A handler that hangs is left behind; its signal has been aborted.
    await Promise.race([
      Promise.all([...others, this.#messenger?.stop(), this.#configuration.stop()]),
      after(handlersMs),
    ]);
    const farewell = this.#health.close().catch((cause) => this.#logger.debug({ err: cause }, 'no farewell'));
    await Promise.race([farewell, after(farewellMs)]);
    await this.#bus?.stop({ drainTimeoutMs: Math.min(2000, deadlineMs - performance.now()) });
  }

  get connection(): Connection<T> {
    const bus = this.#bus as Bus;
    const { instance, service, prefix, sourceName, dedupe, now } = this.#options;
    const messenger = createMessenger({
      bus: this.#observer.watch(bus),
      service,
      instance,
      sourceName,
      prefix,
      now,
      dedupe,
      messaging: this.#options.messaging,
      onFault: (message, cause) => this.#logger.warn({ err: cause }, message),
    });
    this.#messenger = messenger;
    // Onto the document, whose getters would be read once by a copy.
    return Object.assign(createLiveDocument(this.#configuration), {
      instance,
      messenger,
      bus,
      open: <Schema extends z.ZodType>(another: OpenOptions<Schema>) => this.#open(another),
      health: () => this.#health.health(),
      stop: () => this.stop(),
      [Symbol.asyncDispose]: () => this.stop(),
    });
  }
}

/** Resolves after a time; does not keep the process alive. */
const after = (ms: number): Promise<undefined> =>
  new Promise((settle) => setTimeout(() => settle(undefined), ms).unref());

function whenAborted(signal: AbortSignal | undefined): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new SetpointError('stopped', 'the start was aborted', { cause: signal?.reason }));
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
  // Nobody may be racing against it any more when it comes.
  aborted.catch(() => undefined);
  return aborted;
}
