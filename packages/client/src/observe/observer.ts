import type { Bus, BusStatus } from '@setpoint/bus';
import { guardTracing, type Tracing } from '@setpoint/participant';
import type { SetpointError } from '@setpoint/protocol';
import type { ApplyOutcome } from '../configuration/apply-outcome.ts';
import type { ProviderStateChange } from '../configuration/provider-state.ts';
import type { ReceivedSnapshot, Reception } from '../configuration/receive.ts';
import { hasSubscribers, publishDiagnostics } from './diagnostics.ts';

export interface ObserverOptions {
  readonly service: string;
  readonly instance: string;
  readonly tracing: Tracing;
}

/** Publishes what happens to a configuration on diagnostics channels and in traces. */
export interface Observer {
  /** The trace context of the change being applied, for the reports that it causes. */
  readonly traceparent: string | undefined;
  /** Returns the same bus, with its publishes observed. */
  watch(bus: Bus): Bus;
  connection(status: BusStatus): void;
  reception(reception: Reception, bytes: number): void;
  /** Observes the application of a version. `work` runs once, however often it is called. */
  applying(received: ReceivedSnapshot, from: 'live' | 'cache', work: () => Promise<void>): Promise<void>;
  /** The outcome of the version being applied. */
  outcome(outcome: ApplyOutcome): void;
  state(change: ProviderStateChange): void;
}

export function createObserver({ service, instance, tracing: given }: ObserverOptions): Observer {
  const tracing = guardTracing(given);
  const identity = { service, instance };
  /** The trace context in which each snapshot was received: the cause of what is done with it. */
  const causes = new WeakMap<ReceivedSnapshot, string>();
  let hasReceived = false;
  let traceparent: string | undefined;
  let outcomeSoFar: ApplyOutcome | undefined;

  const latest = (): ApplyOutcome | undefined => outcomeSoFar;
  const attributesOf = ({ snapshot: { epoch, version } }: ReceivedSnapshot) => ({
    'setpoint.service': service,
    'setpoint.instance': instance,
    'setpoint.epoch': epoch,
    'setpoint.version': version,
  });

  function traceReception(received: ReceivedSnapshot): void {
    const { traceparent: cause } = received;
    if (cause === undefined) return;
    // The first snapshot may have been requested days ago: that request is not the cause of this start.
    const span = tracing.start('setpoint.receive', {
      kind: 'consumer',
      ...(hasReceived ? { parent: cause } : { link: cause }),
      attributes: attributesOf(received),
    });
    if (span.traceparent !== undefined) causes.set(received, span.traceparent);
    span.end();
  }

  return {
    get traceparent() {
      return traceparent;
    },
    watch: (bus) => watchPublishes(bus, identity),
    connection: (status) =>
      publishDiagnostics('setpoint.client.connect', () => ({
        ...identity,
        status: status.kind,
        ...('attempt' in status && { attempt: status.attempt }),
        ...('session' in status && { session: status.session }),
      })),
    reception(reception, bytes) {
      publishDiagnostics('setpoint.client.receive', () => ({ ...identity, bytes, ...describe(reception) }));
      if (reception.kind === 'apply') traceReception(reception.received);
      hasReceived = true;
    },
    async applying(received, from, work) {
      const { epoch, version } = received.snapshot;
      const startedAt = performance.now();
      const cause = causes.get(received);
      const span =
        cause === undefined
          ? undefined
          : tracing.start('setpoint.apply', { kind: 'internal', parent: cause, attributes: attributesOf(received) });
      traceparent = span?.traceparent;
      outcomeSoFar = undefined;
      try {
        await (span ? span.run(work) : work());
      } finally {
        const outcome = latest();
        traceparent = undefined;
        span?.end({
          error: errorOf(outcome),
          attributes: { 'setpoint.outcome': outcome?.kind ?? 'superseded' },
        });
        publishDiagnostics('setpoint.client.apply', () => ({
          ...identity,
          from,
          epoch,
          version,
          outcome: outcome === undefined || outcome.kind === 'deleted' ? 'superseded' : outcome.kind,
          ...codeOf(errorOf(outcome)),
          durationMs: performance.now() - startedAt,
        }));
      }
    },
    outcome(outcome) {
      // Other messages may arrive meanwhile; the outcome of the version being applied stays.
      if (outcomeSoFar?.kind !== 'applied' && outcomeSoFar?.kind !== 'rejected') outcomeSoFar = outcome;
    },
    state: ({ state, previous }) =>
      publishDiagnostics('setpoint.client.state', () => ({ ...identity, state, previous })),
  };
}

function describe(reception: Reception) {
  switch (reception.kind) {
    case 'apply':
      return { outcome: reception.kind, ...stampOf(reception.received) };
    case 'skip':
      return { outcome: reception.kind, reason: reception.reason, ...stampOf(reception.received) };
    case 'refuse':
      return { outcome: reception.kind, code: reception.error.code };
    case 'deleted':
      return { outcome: reception.kind };
  }
}

const stampOf = ({ snapshot: { epoch, version } }: ReceivedSnapshot) => ({ epoch, version });

const errorOf = (outcome: ApplyOutcome | undefined): SetpointError | undefined =>
  outcome && 'error' in outcome ? outcome.error : undefined;

const codeOf = (cause: unknown): { readonly code?: string } =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? { code: cause.code } : {};

/** Replaces `publish`; everything else is the bus's own. */
function watchPublishes(bus: Bus, identity: { readonly service: string; readonly instance: string }): Bus {
  const timed: Bus['publish'] = async (topic, payload, options) => {
    const startedAt = performance.now();
    let failure: unknown;
    try {
      return await bus.publish(topic, payload, options);
    } catch (cause) {
      failure = cause;
      throw cause;
    } finally {
      publishDiagnostics('setpoint.client.publish', () => ({
        ...identity,
        topic,
        bytes: typeof payload === 'string' ? new TextEncoder().encode(payload).length : payload.byteLength,
        ...codeOf(failure),
        durationMs: performance.now() - startedAt,
      }));
    }
  };
  const publish: Bus['publish'] = (...message) =>
    hasSubscribers('setpoint.client.publish') ? timed(...message) : bus.publish(...message);
  return new Proxy(bus, {
    get(target, name) {
      if (name === 'publish') return publish;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
