import type { Bus } from '@setpoint/bus';
import type { Logger } from '@setpoint/participant';
import type { SetpointError } from '@setpoint/protocol';
import type { z } from 'zod';
import type { ApplyOutcome } from '../configuration/apply-outcome.ts';
import { Configuration } from '../configuration/configuration.ts';
import { createLiveDocument } from '../configuration/live-document.ts';
import type { ReceivedSnapshot } from '../configuration/receive.ts';
import type { Connection, OpenOptions } from '../connection.ts';
import { type ApplyReports, createApplyReports } from '../health/apply-reports.ts';
import { createLastGoodStore, type LastGoodStore } from '../last-good/last-good-store.ts';
import { createObserver, type Observer } from '../observe/observer.ts';
import type { ResolvedOptions } from '../options/resolve-options.ts';
import { AdditionalDocuments, additionalInstance } from './additional-documents.ts';
import { followAuthority } from './follow-authority.ts';
import { ProcessConnection } from './process-connection.ts';
import { rejectOnAbort, resolveAfter } from './resolve-after.ts';
import { startWithoutSnapshot } from './start-ladder.ts';

/** Connects an additional document over the bus of the first. */
export type ConnectAdditional = <Schema extends z.ZodType>(
  bus: Bus,
  options: OpenOptions<Schema> & { readonly instance: string },
) => Promise<Connection<z.output<Schema>>>;

export interface SessionOptions<T> {
  readonly options: ResolvedOptions;
  readonly schema: z.ZodType<T>;
  readonly logger: Logger;
  readonly connectAdditional: ConnectAdditional;
  /** Whether this is the first document of the connection, which reports the connection's state. */
  readonly isFirst: boolean;
}

/** Connects one document: wires bus, configuration, disk and health, starts them, and stops them again. */
export class Session<T> {
  readonly #given: SessionOptions<T>;
  readonly #configuration: Configuration<T>;
  readonly #process: ProcessConnection;
  readonly #reports: ApplyReports;
  readonly #observer: Observer;
  readonly #lastGood: LastGoodStore;
  readonly #additional: AdditionalDocuments;
  /** Resolves when a snapshot of the authority was applied or rejected. */
  readonly #firstOutcome = Promise.withResolvers<void>();
  readonly #firstDocument = Promise.withResolvers<void>();
  /** Why the last snapshot of the broker was not applied. */
  #refusal: SetpointError | undefined;

  constructor(given: SessionOptions<T>) {
    const { options, schema, logger, isFirst } = given;
    const { service, authority, instance, keys, now, applyTimeoutMs, tracing, policy } = options;
    this.#given = given;
    this.#additional = new AdditionalDocuments(instance);
    this.#lastGood = createLastGoodStore(options, logger);
    this.#observer = createObserver({ service, instance, tracing });
    this.#configuration = new Configuration<T>({
      service,
      authority,
      schema,
      keys,
      applyTimeoutMs,
      now,
      policy,
      applyingRecord: this.#lastGood.applyingRecord,
      onFirst: () => this.#firstDocument.resolve(),
      remember: (received) => this.#lastGood.remember(received),
      onOutcome: (outcome) => this.#report(outcome),
      onRevertFailed: (cause) =>
        logger.error({ err: cause }, 'a handler could not go back to the old configuration; restart this process'),
      onStaleness: (staleness) => this.#reports.reportStaleness(staleness),
      onListenerFailed: (cause) => logger.error({ err: cause }, 'a listener of the configuration threw'),
      observer: this.#observer,
    });
    this.#configuration.onState((change) => this.#observer.state(change));
    this.#process = new ProcessConnection({
      options,
      logger,
      isFirst,
      config: () => this.#configuration.report(),
      traceparent: () => this.#observer.traceparent,
      observe: (bus) => this.#observer.watch(bus),
      onStatus: (status) => this.#observer.connection(status),
    });
    this.#reports = createApplyReports({
      service,
      staleness: policy.staleness,
      logger,
      health: this.#process.health,
    });
  }

  /** @throws SetpointError `no_configuration`; `stopped` when the signal aborted */
  async start(signal: AbortSignal | undefined): Promise<void> {
    const { aborted, forget } = rejectOnAbort(signal);
    try {
      await this.#start(aborted);
    } finally {
      forget();
    }
  }

  stop(): Promise<void> {
    return this.#process.stop(() => this.#finish());
  }

  get connection(): Connection<T> {
    const { instance, service } = this.#given.options;
    const live = createLiveDocument(this.#configuration);
    // Assigned onto the live document: spreading it would read its getters once.
    return Object.assign(live, {
      ...this.#process.toConnection(() => this.#finish()),
      open: <Schema extends z.ZodType>(options: OpenOptions<Schema>) => this.#open(options),
      toJSON: () => ({ instance, service, state: live.state, providerState: live.providerState, stamp: live.stamp }),
    });
  }

  async #start(aborted: Promise<never>): Promise<void> {
    const { options, logger, isFirst } = this.#given;
    const { keys, service, startTimeoutMs } = options;
    if (!keys && isFirst) {
      logger.warn({ service }, 'no trusted keys: every snapshot that the broker delivers is believed');
    }
    // The broker is dialled while the disk is read.
    const cacheRead = this.#readLastGood();
    await Promise.race([this.#process.open(), aborted]);
    followAuthority({
      options,
      logger,
      connection: this.#process,
      configuration: this.#configuration,
      cacheRead,
    });
    this.#process.start();
    const cached = await Promise.race([cacheRead, aborted]);
    const firstDocument = this.#firstDocument.promise;
    await Promise.race([firstDocument, this.#firstOutcome.promise, resolveAfter(startTimeoutMs), aborted]);
    if (this.#configuration.current !== undefined) return;
    await startWithoutSnapshot({
      options,
      logger,
      configuration: this.#configuration,
      cached,
      // Read now: what becomes of the cached snapshot says nothing about the broker's.
      refusal: this.#refusal,
      isConnected: () => this.#process.isConnected,
      firstDocument: Promise.race([firstDocument, aborted]),
    });
  }

  async #readLastGood(): Promise<ReceivedSnapshot | undefined> {
    await this.#lastGood.applyingRecord?.open();
    const received = await this.#lastGood.read();
    if (received) this.#configuration.setFloor(received.snapshot);
    return received;
  }

  #report(outcome: ApplyOutcome): void {
    this.#observer.outcome(outcome);
    if (outcome.kind === 'rejected' || outcome.kind === 'refused') this.#refusal = outcome.error;
    // Garbage, and an older snapshot that the broker kept, do not end the wait for the authority's snapshot.
    if (['applied', 'confirmed', 'rejected'].includes(outcome.kind)) this.#firstOutcome.resolve();
    this.#reports.reportOutcome(outcome);
  }

  #open<Schema extends z.ZodType>(options: OpenOptions<Schema>): Promise<Connection<z.output<Schema>>> {
    const instance = additionalInstance(this.#given.options.instance, options);
    // Callers without types may leave the options out, which the option check reports.
    return this.#additional.add(instance, options?.signal, (signal) =>
      this.#given.connectAdditional<Schema>(this.#process.bus, { ...options, instance, signal }),
    );
  }

  #finish(): readonly Promise<unknown>[] {
    return [...this.#additional.stop(), this.#configuration.stop()];
  }
}
