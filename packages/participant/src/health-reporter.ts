import type { Bus, LastWill } from '@setpoint/bus';
import {
  type ConfigReport,
  createProblem,
  type EnvelopeWriter,
  type Health,
  type HealthEvent,
  type HealthState,
  healthType,
  isWireCode,
  type Keepalive,
  keepaliveType,
  newMessageId,
  type Problem,
  type SetpointError,
  type Topics,
  tryOpenMessage,
  type WireCode,
} from '@setpoint/protocol';
import { createRetryingPublisher } from './retrying-publisher.ts';

export interface HealthReporterOptions {
  readonly topics: Topics;
  readonly writer: EnvelopeWriter;
  readonly instance: string;
  readonly service: string;
  readonly contract: string | undefined;
  readonly keepaliveIntervalMs: number;
  /** Whether to publish health reports and a Last Will. @default true */
  readonly reports?: boolean;
  /** Whether to send keepalives. @default true */
  readonly keepalives?: boolean;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Returns the configuration part of the next report; undefined for a process without configuration. */
  readonly config: () => ConfigReport | undefined;
  /** Returns the `traceparent` (W3C Trace Context) of what causes the next report. */
  readonly traceparent?: () => string | undefined;
  /** Returns what an authority adds to its keepalives. */
  readonly beacon?: () => Pick<Keepalive, 'recent' | 'commit'>;
  /** Called when another process publishes under this instance's name; at most once a minute. */
  readonly onNameConflict?: () => void;
  /** Called when a report or keepalive could not be published. Reports are retried. */
  readonly onFailed?: (error: Error) => void;
}

/**
 * Publishes the health of this process on the retained topic `system/health/<id>`, gives every session its own Last
 * Will, and sends keepalives.
 * @see docs/protocol.md#7-health-presence-convergence
 */
export interface HealthReporter {
  /** Returns the Last Will of the next session. The bus calls it before every connection attempt. */
  will(): LastWill;
  /** Starts reporting on a bus. What was reported before is published at the first connection. */
  attach(bus: Bus): void;
  /** The present report. */
  health(): Health;
  /** Changes the report. Of reports that come faster than they can be published, only the last is. */
  report(state: HealthState, event: HealthEvent, error?: Problem): void;
  /** Publishes the last report again, with the configuration as it is now. */
  refresh(): void;
  /** Publishes `shutdown` as the last report. Resolves when the broker has it, or rejects like `publish`. */
  close(): Promise<void>;
}

/** Earlier sessions of this process whose messages may still arrive. */
const rememberedSessions = 16;
/** Milliseconds. */
const nameConflictEveryMs = 60_000;

/**
 * Creates the reporter of one process. Nothing is published before `attach`.
 *
 * @example
 * const health = createHealthReporter({ topics, writer, instance, service, contract, keepaliveIntervalMs, now, config });
 * const bus = createMqttBus({ url, will: health.will });
 * health.attach(bus);
 * await bus.start();
 * health.report('ready', 'ready');
 */
export function createHealthReporter(options: HealthReporterOptions): HealthReporter {
  const {
    topics,
    writer,
    instance,
    service,
    contract,
    now,
    config,
    beacon,
    reports = true,
    keepalives = true,
  } = options;
  const topic = topics.health(instance);
  const startedAt = new Date(now()).toISOString();
  const sessions: string[] = [];
  let last: { state: HealthState; event: HealthEvent; error?: Problem } = { state: 'starting', event: 'starting' };
  /** The cause of the next report. Reports that a reconnect repeats have another cause. */
  let cause: string | undefined;
  let bus: Bus | undefined;
  let wasConnected = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let sequence = 0;
  let nextNameConflictMs = 0;

  const compose = (state: HealthState, event: HealthEvent, error?: Problem): Health => {
    const report = config();
    return {
      instance,
      service,
      session: sessions.at(-1) ?? 'none',
      ok: state === 'ready' || state === 'starting',
      state,
      event,
      ...(error && { error }),
      startedAt,
      ...(contract !== undefined && { contract }),
      ...(report && { config: report }),
    };
  };
  const seal = (health: Health, traceparent?: string): Uint8Array =>
    writer.seal({ type: healthType, subject: service, data: health, traceparent }).bytes;

  function beginSession(): void {
    sessions.push(newMessageId());
    sessions.splice(0, sessions.length - rememberedSessions);
    sequence = 0;
  }

  const { request: publish, stop: stopPublishing } = createRetryingPublisher({
    isPossible: () => reports && bus?.status.kind === 'connected',
    async publish() {
      const traceparent = cause;
      cause = undefined;
      try {
        const bytes = seal(compose(last.state, last.event, last.error), traceparent);
        await bus?.publish(topic, bytes, { qos: 1, retain: true });
      } catch (failure) {
        cause ??= traceparent;
        throw failure;
      }
    },
    onFailed: (error) => options.onFailed?.(error),
  });

  function sendKeepalive(): void {
    if (!keepalives || bus?.status.kind !== 'connected') return;
    const data: Keepalive = {
      instance,
      session: sessions.at(-1) ?? 'none',
      sequence: sequence++,
      intervalMs: options.keepaliveIntervalMs,
      ...beacon?.(),
    };
    const { bytes } = writer.seal({ type: keepaliveType, subject: service, data });
    bus.publish(topics.keepalive(instance), bytes, { qos: 0 }).catch((cause: Error) => options.onFailed?.(cause));
  }

  /** Two processes of one name disconnect each other for ever; without a limit each reconnect would give notice. */
  function noticeNameConflict(): void {
    const nowMs = performance.now();
    if (nowMs < nextNameConflictMs) return;
    nextNameConflictMs = nowMs + nameConflictEveryMs;
    options.onNameConflict?.();
  }

  /** The Last Will of an earlier session may arrive after this session's first report, and must not stay retained. */
  function watchOwnTopic(payload: Uint8Array, retained: boolean): void {
    const heard = tryOpenMessage(healthType, payload, { now: now() })?.data;
    if (!heard || isClosed || heard.session === sessions.at(-1)) return;
    if (heard.event === 'lost') publish();
    else if (!retained && !sessions.includes(heard.session)) noticeNameConflict();
  }

  function announceSession(): void {
    // Without a Last Will, nothing has begun the session yet.
    if (!reports) beginSession();
    if (wasConnected && last.event !== 'starting') last = { ...last, event: 'reconnected' };
    wasConnected = true;
    publish();
    sendKeepalive();
  }

  return {
    will() {
      beginSession();
      return { topic, payload: seal(compose('offline', 'lost')), qos: 1, retain: true };
    },
    attach(target) {
      bus = target;
      if (reports) bus.subscribe(topic, ({ payload, retained }) => watchOwnTopic(payload, retained));
      bus.onStatus(({ kind }) => {
        if (kind === 'connected') announceSession();
      });
      if (keepalives) timer = setInterval(sendKeepalive, options.keepaliveIntervalMs);
    },
    health: () => compose(last.state, last.event, last.error),
    report(state, event, error) {
      last = { state, event, ...(error && { error }) };
      cause = options.traceparent?.();
      publish();
    },
    refresh: publish,
    async close() {
      if (isClosed) return;
      isClosed = true;
      stopPublishing();
      clearInterval(timer);
      if (!reports || bus?.status.kind !== 'connected') return;
      await bus.publish(topic, seal(compose('offline', 'shutdown')), { qos: 1, retain: true });
    },
  };
}

/**
 * Turns an error into the problem that a health report carries. Codes that never cross the wire become `otherwise`.
 *
 * @example
 * health.report('degraded', 'config_rejected', toProblem(error, 'handler_failed'));
 */
export const toProblem = (error: SetpointError, otherwise: WireCode): Problem =>
  createProblem(isWireCode(error.code) ? error.code : otherwise, error.message, error.faults);
