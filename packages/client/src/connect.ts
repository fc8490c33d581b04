import type { Bus } from '@setpoint/bus';
import {
  type Contract,
  contractType,
  createEnvelopeWriter,
  createProblem,
  type EnvelopeWriter,
  type Health,
  judge,
  keepaliveType,
  SetpointError,
  type Stamp,
  tryOpenMessage,
} from '@setpoint/protocol';
import type { z } from 'zod';
import type { Change, ChangeHandler } from './apply.ts';
import { createBeaconWatch } from './beacon.ts';
import { Configuration, type Outcome } from './configuration.ts';
import { deriveContract } from './contract.ts';
import { createHealthReporter, type HealthReporter, toProblem } from './health.ts';
import { createLastGood, type LastGood } from './last-good.ts';
import { createDefaultLogger, type Logger } from './logger.ts';
import { createMessenger, type Messenger } from './messenger.ts';
import { type ConnectOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { type Received, receive } from './receive.ts';
import type { ClientState } from './state.ts';

/** The configuration of a service, kept up to date for as long as it is open. */
export interface Connection<T> extends AsyncDisposable {
  /** The document in force, frozen. After a change it is another object. */
  readonly current: T;
  /** Where the document in force comes from. */
  readonly state: ClientState;
  /** Which version is in force; undefined on defaults. */
  readonly stamp: Stamp | undefined;
  /** The name of this process. */
  readonly instance: string;
  /** Messages between services, on the same connection. */
  readonly messenger: Messenger;
  /** The bus itself, for what the messenger does not do; on MQTT its `client` is the MQTT.js client. */
  readonly bus: Bus;
  /**
   * Follows changes. A function is called with every change that comes into force; an object takes part in the
   * transaction. Returns a function that ends it.
   */
  onChange(handler: ChangeHandler<T> | ChangeHandler<T>['commit']): () => void;
  /** What this process reports of itself. */
  health(): Health;
  /** Ends: finishes the change under way, reports `shutdown`, disconnects. Can be called twice. */
  stop(): Promise<void>;
}

/** The last report gets this long before the connection is closed. Milliseconds. */
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
  );
  try {
    await session.start(options.signal);
  } catch (cause) {
    await session.stop();
    throw cause;
  }
  return session.connection;
}

class Session<T> {
  readonly #options: ResolvedOptions;
  readonly #contract: Contract;
  readonly #logger: Logger;
  readonly #writer: EnvelopeWriter;
  readonly #configuration: Configuration<T>;
  readonly #health: HealthReporter;
  readonly #lastGood: LastGood | undefined;
  /** Resolves when the broker's first snapshot turned out well or badly. */
  readonly #firstOutcome = Promise.withResolvers<Outcome>();
  readonly #firstDocument = Promise.withResolvers<void>();
  #bus: Bus | undefined;
  /** What the disk has. */
  #remembered: Stamp | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: ResolvedOptions, schema: z.ZodType<T>, contract: Contract, logger: Logger) {
    const { service, instance, topics, keys, now, applyTimeoutMs, keepaliveIntervalMs } = options;
    this.#options = options;
    this.#contract = contract;
    this.#logger = logger;
    this.#writer = createEnvelopeWriter({ source: `/instance/${instance}`, now });
    this.#lastGood =
      options.cacheDir === undefined ? undefined : createLastGood(options.cacheDir, options.prefix, service);
    this.#configuration = new Configuration<T>({
      service,
      schema,
      keys,
      applyTimeoutMs,
      now,
      onFirst: () => this.#firstDocument.resolve(),
      remember: (received) => this.#remember(received),
      onOutcome: (outcome) => this.#tell(outcome),
      onRevertFailed: (cause) =>
        logger.error({ err: cause }, 'a handler could not go back to the old configuration; restart this process'),
    });
    this.#health = createHealthReporter({
      topics,
      writer: this.#writer,
      instance,
      service,
      contract: contract.digest,
      keepaliveIntervalMs,
      now,
      config: () => this.#configuration.report(),
      onDouble: () => logger.error({ instance }, 'another process uses this instance name; give each its own'),
      onFailed: (cause) => logger.debug({ err: cause }, 'a report was not published'),
    });
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    const { keys, service, startTimeoutMs } = this.#options;
    const aborted = whenAborted(signal);
    if (!keys) this.#logger.warn({ service }, 'no trusted keys: every snapshot that the broker delivers is believed');
    // The broker is dialled while the disk is read.
    const reading = this.#readLastGood();
    const bus = await Promise.race([this.#openBus(), aborted]);
    this.#bus = bus;
    this.#subscribe(bus, reading);
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
      will: () => this.#health.will(),
      onFault: ({ kind, message, cause }) => this.#logger.warn({ kind, err: cause }, message),
    });
  }

  #subscribe(bus: Bus, reading: Promise<unknown>): void {
    const { topics, service, authority, now } = this.#options;
    const beacon = createBeaconWatch(service, now);
    const snapshots = bus.subscribe(topics.snapshot(service), ({ payload }) => {
      // What the disk has says what is too old to be applied.
      reading
        .then(() => this.#configuration.offer(payload))
        .catch((cause) =>
          this.#logger.error({ service, err: cause }, 'a snapshot was dropped; this is a fault of the client'),
        );
    });
    bus.subscribe(
      topics.keepalive(authority),
      ({ payload }) => {
        const heard = tryOpenMessage(keepaliveType, payload, { now: now() })?.data;
        if (heard && beacon.hear(heard, this.#configuration.observed)) {
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

  /** Retained, and the same for every instance of this build: one that is there already is written over by itself. */
  #announce(bus: Bus): void {
    const { topics, service } = this.#options;
    const { bytes } = this.#writer.seal({ type: contractType, subject: service, data: this.#contract });
    bus
      .publish(topics.contract(service, this.#contract.digest), bytes, { qos: 1, retain: true })
      .catch((cause) => this.#logger.warn({ err: cause }, 'the contract was not announced'));
  }

  #found(received: Received): Received {
    this.#configuration.setFloor(received.snapshot);
    this.#remembered = received.snapshot;
    return received;
  }

  async #readLastGood(): Promise<Received | undefined> {
    const { service, keys, now } = this.#options;
    try {
      const bytes = await this.#lastGood?.read();
      if (!bytes) return undefined;
      const reception = receive(bytes, { service, keys, now: now(), applied: undefined });
      if (reception.kind === 'apply') return this.#found(reception.received);
      throw reception.kind === 'refuse'
        ? reception.error
        : new SetpointError('envelope_malformed', 'the file is empty');
    } catch (cause) {
      this.#logger.warn({ err: cause, file: this.#lastGood?.file }, 'the last good snapshot is ignored');
      return undefined;
    }
  }

  async #remember({ snapshot, bytes }: Received): Promise<void> {
    if (this.#remembered && judge(this.#remembered, snapshot).kind !== 'apply') return;
    try {
      await this.#lastGood?.write(bytes);
      this.#remembered = snapshot;
    } catch (cause) {
      this.#logger.warn({ err: cause, file: this.#lastGood?.file }, 'the last good snapshot could not be kept');
    }
  }

  async #startWithoutSnapshot(cached: Received | undefined, aborted: Promise<never>): Promise<void> {
    const { withoutSnapshot, service } = this.#options;
    if (cached && (await this.#configuration.takeCached(cached))) {
      this.#logger.warn(
        { service, version: cached.snapshot.version },
        'no live snapshot: started on the last good one',
      );
      return;
    }
    if (withoutSnapshot === 'defaults' && (await this.#configuration.takeDefaults())) {
      this.#logger.warn({ service }, 'no snapshot, live or kept: started on the defaults of the schema');
      return;
    }
    if (withoutSnapshot !== 'wait') throw this.#noConfiguration(cached !== undefined);
    this.#configuration.takeNothing();
    this.#logger.warn({ service }, 'no snapshot, live or kept: waiting for one');
    await Promise.race([this.#firstDocument.promise, aborted]);
  }

  #noConfiguration(hadCached: boolean): SetpointError {
    const { service, startTimeoutMs, withoutSnapshot, cacheDir } = this.#options;
    const broker =
      this.#bus?.status.kind === 'connected' ? 'the broker has no snapshot that fits' : 'the broker was not reached';
    const disk = hadCached
      ? 'the one on disk does not fit'
      : cacheDir === undefined
        ? 'none is kept'
        : 'there is none on disk';
    const defaults = withoutSnapshot === 'defaults' ? ', and the schema has no default for every setting' : '';
    const message = `no configuration for ${service} within ${startTimeoutMs} ms: ${broker}, ${disk}${defaults}; start the broker and the authority, or choose withoutSnapshot: "wait"`;
    return new SetpointError('no_configuration', message);
  }

  #tell(outcome: Outcome): void {
    this.#firstOutcome.resolve(outcome);
    const { service } = this.#options;
    switch (outcome.kind) {
      case 'applied': {
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

  async #close(): Promise<void> {
    await this.#configuration.stop();
    const farewell = this.#health.close().catch((cause) => this.#logger.debug({ err: cause }, 'no farewell'));
    await Promise.race([farewell, after(farewellMs)]);
    await this.#bus?.stop();
  }

  get connection(): Connection<T> {
    const configuration = this.#configuration;
    const bus = this.#bus as Bus;
    const { instance, service, prefix, now } = this.#options;
    const messenger = createMessenger({
      bus,
      service,
      instance,
      prefix,
      now,
      onFault: (message, cause) => this.#logger.warn({ err: cause }, message),
    });
    return {
      get current() {
        return configuration.current as T;
      },
      get state() {
        return configuration.state;
      },
      get stamp() {
        const stamp = configuration.stamp;
        return stamp && { epoch: stamp.epoch, version: stamp.version, digest: stamp.digest };
      },
      instance,
      messenger,
      bus,
      onChange: (handler) =>
        configuration.addHandler(
          typeof handler === 'function' ? { commit: (change: Change<T>) => handler(change) } : handler,
        ),
      health: () => this.#health.health(),
      stop: () => this.stop(),
      [Symbol.asyncDispose]: () => this.stop(),
    };
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
