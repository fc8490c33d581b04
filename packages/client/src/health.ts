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
import { insist } from './insistence.ts';

export interface HealthReporterOptions {
  readonly topics: Topics;
  readonly writer: EnvelopeWriter;
  readonly instance: string;
  readonly service: string;
  readonly contract: string | undefined;
  readonly keepaliveIntervalMs: number;
  /** Report health at all; without it there is no Last Will either. @default true */
  readonly reports?: boolean;
  /** Send signs of life. @default true */
  readonly beats?: boolean;
  readonly now: () => number;
  /** What the configuration is at this moment; undefined for a process that has none. */
  readonly config: () => ConfigReport | undefined;
  /** What causes the report that is made at this moment, in W3C Trace Context. */
  readonly traceparent?: () => string | undefined;
  /** What the beacon of this process says besides its sign of life. */
  readonly beacon?: () => Pick<Keepalive, 'recent' | 'commit'>;
  /** Another process speaks under this instance's name; told once a minute at most. */
  readonly onDouble?: () => void;
  /** A report could not be published; it is tried again. */
  readonly onFailed?: (error: Error) => void;
}

/**
 * Says on the retained topic `system/health/<id>` how this process is, gives every session a Last Will of its own,
 * and sends the signs of life.
 * @see docs/protocol.md#7-health-presence-convergence
 */
export interface HealthReporter {
  /** For the bus: asked before every connection attempt. */
  will(): LastWill;
  /** Takes up reporting on a bus; everything said so far is published at the first connection. */
  attach(bus: Bus): void;
  /** What is said now. */
  health(): Health;
  /** Says something new. Reports that come faster than they can be published are told by the last one. */
  report(state: HealthState, event: HealthEvent, error?: Problem): void;
  /** Publishes what was said last once more, with the configuration as it is now. */
  refresh(): void;
  /** Says `shutdown`, and nothing after it. Resolves when the broker has it, or rejects like `publish`. */
  close(): Promise<void>;
}

/** Sessions of this process whose late messages are known to be its own. */
const rememberedSessions = 16;
/** Milliseconds. */
const tellDoubleEveryMs = 60_000;

export function createHealthReporter(options: HealthReporterOptions): HealthReporter {
  const { topics, writer, instance, service, contract, now, config, beacon, reports = true, beats = true } = options;
  const topic = topics.health(instance);
  const startedAt = new Date(now()).toISOString();
  const sessions: string[] = [];
  let said: { state: HealthState; event: HealthEvent; error?: Problem } = { state: 'starting', event: 'starting' };
  /** Told once: what is said again after a reconnect has another cause. */
  let cause: string | undefined;
  let bus: Bus | undefined;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let sequence = 0;
  let doubleToldUntilMs = 0;

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

  const { want: publish, stop: endPublishing } = insist({
    isPossible: () => reports && bus?.status.kind === 'connected',
    async publish() {
      const traceparent = cause;
      cause = undefined;
      try {
        const bytes = seal(compose(said.state, said.event, said.error), traceparent);
        await bus?.publish(topic, bytes, { qos: 1, retain: true });
      } catch (failure) {
        cause ??= traceparent;
        throw failure;
      }
    },
    onFailed: (error) => options.onFailed?.(error),
  });

  function beat(): void {
    if (!beats || bus?.status.kind !== 'connected') return;
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

  /** Two that throw each other out would tell it at every reconnect. */
  function tellOfDouble(): void {
    const nowMs = performance.now();
    if (nowMs < doubleToldUntilMs) return;
    doubleToldUntilMs = nowMs + tellDoubleEveryMs;
    options.onDouble?.();
  }

  /** A death that came late stands where the birth should be: it is written over. */
  function watchOwn(payload: Uint8Array, retained: boolean): void {
    const heard = tryOpenMessage(healthType, payload, { now: now() })?.data;
    if (!heard || isClosed || heard.session === sessions.at(-1)) return;
    if (heard.event === 'lost') publish();
    else if (!retained && !sessions.includes(heard.session)) tellOfDouble();
  }

  return {
    will() {
      beginSession();
      return { topic, payload: seal(compose('offline', 'lost')), qos: 1, retain: true };
    },
    attach(target) {
      bus = target;
      if (reports) bus.subscribe(topic, ({ payload, retained }) => watchOwn(payload, retained));
      let wasConnected = false;
      bus.onStatus((status) => {
        if (status.kind !== 'connected') return;
        // Nobody asks for a Last Will, which would have begun it.
        if (!reports) beginSession();
        if (wasConnected && said.event !== 'starting') said = { ...said, event: 'reconnected' };
        wasConnected = true;
        publish();
        beat();
      });
      if (beats) timer = setInterval(beat, options.keepaliveIntervalMs);
    },
    health: () => compose(said.state, said.event, said.error),
    report(state, event, error) {
      said = { state, event, ...(error && { error }) };
      cause = options.traceparent?.();
      publish();
    },
    refresh: publish,
    async close() {
      if (isClosed) return;
      isClosed = true;
      endPublishing();
      clearInterval(timer);
      if (!reports || bus?.status.kind !== 'connected') return;
      await bus.publish(topic, seal(compose('offline', 'shutdown')), { qos: 1, retain: true });
    },
  };
}

/** The wire form of an error that a process reports of itself; what only makes sense within it becomes `otherwise`. */
export const toProblem = (error: SetpointError, otherwise: WireCode): Problem =>
  createProblem(isWireCode(error.code) ? error.code : otherwise, error.message, error.faults);
