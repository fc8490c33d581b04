import type { Bus, BusStatus } from '@setpoint/bus';
import {
  createHealthReporter,
  createRateLimitedLog,
  createRetryingPublisher,
  type HealthReporter,
  type Logger,
  type RetryingPublisher,
} from '@setpoint/participant';
import {
  type ConfigReport,
  type Contract,
  contractType,
  createEnvelopeWriter,
  type EnvelopeWriter,
  type SetpointError,
} from '@setpoint/protocol';
import type { ParticipantConnection } from '../connection.ts';
import { type Liveness, watchLiveness } from '../liveness/liveness.ts';
import { watchReconnects } from '../liveness/reconnect-log.ts';
import { createMessenger, type OwnMessenger } from '../messaging/messenger.ts';
import type { ResolvedOptions } from '../options/resolve-options.ts';
import { resolveAfter } from './resolve-after.ts';

export interface ProcessConnectionOptions {
  readonly options: ResolvedOptions;
  readonly logger: Logger;
  /** Whether this is the first document of the connection, which reports the connection's state. */
  readonly isFirst: boolean;
  /** Returns the configuration part of the health report. */
  readonly config: () => ConfigReport | undefined;
  /** Returns the trace context of what causes the next health report. */
  readonly traceparent: () => string | undefined;
  /** Returns the bus to publish on, with its publishes observed. */
  readonly observe: (bus: Bus) => Bus;
  readonly onStatus: (status: BusStatus) => void;
}

/** A stop takes at most 5 s, whatever hangs: this long, and half a second to close the connection. Milliseconds. */
const stopMs = 4000;
/** How long of it handlers get to finish. Milliseconds. */
const handlersMs = 2000;
/** How long of it the last report may take. Milliseconds. */
const farewellMs = 1000;

/** The part of a connection that does not depend on a configuration: bus, health, contract, liveness and messenger. */
export class ProcessConnection {
  readonly health: HealthReporter;
  readonly #given: ProcessConnectionOptions;
  readonly #writer: EnvelopeWriter;
  readonly #logLimited: ReturnType<typeof createRateLimitedLog>;
  #bus: Bus | undefined;
  /** The same bus, with its publishes observed. */
  #observed: Bus | undefined;
  #liveness: Liveness | undefined;
  #contract: RetryingPublisher | undefined;
  #messenger: OwnMessenger | undefined;
  #stopping: Promise<void> | undefined;

  constructor(given: ProcessConnectionOptions) {
    const { options, logger } = given;
    this.#given = given;
    this.#logLimited = createRateLimitedLog(logger);
    this.#writer = createEnvelopeWriter({ source: `/instance/${options.instance}`, now: options.now });
    this.health = createHealthReporter({
      topics: options.topics,
      writer: this.#writer,
      instance: options.instance,
      service: options.service,
      contract: options.contract?.digest,
      keepaliveIntervalMs: options.heartbeatIntervalMs,
      reports: options.enableHealth,
      keepalives: options.enableHeartbeat,
      now: options.now,
      config: given.config,
      traceparent: given.traceparent,
      onNameConflict: () =>
        logger.error(
          { instance: options.instance },
          'another process uses this instance name, and each says that the other is lost; give each an instance and a client id of its own, or leave both out',
        ),
      onFailed: (cause) => logger.debug({ err: cause }, 'a report was not published'),
    });
  }

  get isConnected(): boolean {
    return this.#bus?.status.kind === 'connected';
  }

  /** Makes the bus. Nothing is connected before `start`. */
  async open(): Promise<void> {
    const { options, logger, observe, onStatus } = this.#given;
    const bus = await options.openBus({
      ...(options.enableHealth && { will: () => this.health.will() }),
      onFault: ({ kind, message, cause }) => logger.warn({ kind, err: cause }, message),
    });
    this.#bus = bus;
    this.#observed = observe(bus);
    bus.onStatus(onStatus);
  }

  /** Watches whether broker and authority live. */
  watchLiveness(): Liveness {
    const { options, logger } = this.#given;
    const { topics, authority, heartbeatIntervalMs: intervalMs, now } = options;
    const onSkew = (skewMs: number): void => {
      const difference = `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'}`;
      logger.warn({ skewMs }, `this clock is ${difference} the authority's; set both by NTP, or requests expire early`);
    };
    const bus = this.observedBus;
    this.#liveness = watchLiveness({ bus, authorityHealthTopic: topics.health(authority), intervalMs, now, onSkew });
    return this.#liveness;
  }

  /** Publishes the contract and reports health at every connection, and logs reconnects. */
  announce(): void {
    const { options, logger, isFirst } = this.#given;
    if (options.contract) this.#announceContract(options.contract);
    if (isFirst) {
      watchReconnects(this.observedBus, (awayMs) =>
        logger.warn({ service: options.service, awayMs }, `connected again after ${(awayMs / 1000).toFixed(1)} s`),
      );
    }
    this.health.attach(this.observedBus);
  }

  /** Starts connecting, without waiting: a start may end well before the broker is reached. */
  start(): void {
    this.bus.start().catch((cause) => {
      if (!this.#stopping) {
        this.#given.logger.error({ err: cause }, 'the bus did not start: nothing is received or sent');
      }
    });
  }

  /** Logs, once a minute at most for each kind, what anybody who can publish to the broker can cause. */
  logLimited(kind: string, fields: object, message: string): void {
    this.#logLimited('warn', kind, fields, message);
  }

  /** What users get of it. `finish` is called at a stop, and returns what has to end before the last report. */
  toConnection(finish: () => readonly (Promise<unknown> | undefined)[]): ParticipantConnection {
    const stop = (): Promise<void> => this.stop(finish);
    return {
      instance: this.#given.options.instance,
      messenger: this.#openMessenger(),
      bus: this.bus,
      health: () => this.health.health(),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  }

  stop(finish: () => readonly (Promise<unknown> | undefined)[]): Promise<void> {
    this.#stopping ??= this.#close(finish);
    return this.#stopping;
  }

  /** @throws Error before `open` */
  get bus(): Bus {
    return opened(this.#bus);
  }

  /** The bus with its publishes observed: for everything that this process publishes. @throws Error before `open` */
  get observedBus(): Bus {
    return opened(this.#observed);
  }

  async #close(finish: () => readonly (Promise<unknown> | undefined)[]): Promise<void> {
    const { logger } = this.#given;
    const deadlineMs = performance.now() + stopMs;
    this.#liveness?.stop();
    this.#contract?.stop();
    // A handler that hangs is left behind; its signal has been aborted. One failure must not keep the rest from ending.
    const finished = Promise.allSettled([...finish(), this.#messenger?.stop()]);
    await Promise.race([finished.then((results) => this.#logFailures(results)), resolveAfter(handlersMs)]);
    const farewell = this.health.close().catch((cause) => logger.debug({ err: cause }, 'the last report was not sent'));
    await Promise.race([farewell, resolveAfter(farewellMs)]);
    await this.#bus?.stop({ drainTimeoutMs: Math.min(2000, deadlineMs - performance.now()) });
  }

  #logFailures(results: readonly PromiseSettledResult<unknown>[]): void {
    for (const result of results) {
      if (result.status === 'rejected') this.#given.logger.warn({ err: result.reason }, 'a part of the stop failed');
    }
  }

  /** The contract is retained and the same for every instance of this build: publishing it twice changes nothing. */
  #announceContract(contract: Contract): void {
    const { options, logger } = this.#given;
    const bus = this.observedBus;
    const publisher = createRetryingPublisher({
      isPossible: () => this.isConnected,
      publish: () => {
        const { bytes } = this.#writer.seal({ type: contractType, subject: options.service, data: contract });
        return bus.publish(options.topics.contract(options.service, contract.digest), bytes, { qos: 1, retain: true });
      },
      onFailed: (cause: Error | SetpointError) =>
        logger.warn({ err: cause }, 'the contract was not announced; it is tried again'),
    });
    this.#contract = publisher;
    bus.onStatus(({ kind }) => {
      if (kind === 'connected') publisher.request();
    });
  }

  #openMessenger(): OwnMessenger {
    const { options } = this.#given;
    const { service, instance, prefix, sourceName, dedupe, now, tracing, messaging } = options;
    this.#messenger = createMessenger({
      bus: this.observedBus,
      service,
      instance,
      sourceName,
      prefix,
      now,
      dedupe,
      messaging,
      tracing,
      onFault: (message, cause, kind) => this.logLimited(kind, { err: cause }, message),
    });
    return this.#messenger;
  }
}

function opened(bus: Bus | undefined): Bus {
  if (!bus) throw new Error('the bus is used before it was opened');
  return bus;
}
