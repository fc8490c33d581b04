import type { Bus, BusStatus } from '@setpoint/bus';
import { guardTracing, type Tracing } from '@setpoint/participant';
import type { SetpointError } from '@setpoint/protocol';
import type { Outcome } from '../configuration/configuration.ts';
import type { ProviderStateChange } from '../configuration/provider-state.ts';
import type { Received, Reception } from '../configuration/receive.ts';
import { isHeard, tell } from './diagnostics.ts';

export interface ObserverOptions {
  readonly service: string;
  readonly instance: string;
  readonly tracing: Tracing;
}

/** Tells those who look on, by diagnostics channels and traces, what becomes of a configuration. */
export interface Observer {
  /** Of the change that has its turn now: for the reports that it causes. */
  readonly traceparent: string | undefined;
  /** The same bus, whose publishes are told. */
  watch(bus: Bus): Bus;
  connection(status: BusStatus): void;
  reception(reception: Reception, bytes: number): void;
  /** Carries out what is done with a version that has its turn; `work` does it once, however often it is called. */
  applying(received: Received, from: 'live' | 'cache', work: () => Promise<void>): Promise<void>;
  /** What came of it; called while it has its turn. */
  outcome(outcome: Outcome): void;
  state(change: ProviderStateChange): void;
}

export function createObserver({ service, instance, tracing: given }: ObserverOptions): Observer {
  const tracing = guardTracing(given);
  const told = { service, instance };
  /** The span of its reception, which is the cause of what is done with it. */
  const causes = new WeakMap<Received, string>();
  let hasReceived = false;
  let traceparent: string | undefined;
  let last: Outcome | undefined;

  const attributesOf = ({ snapshot: { epoch, version } }: Received) => ({
    'setpoint.service': service,
    'setpoint.instance': instance,
    'setpoint.epoch': epoch,
    'setpoint.version': version,
  });

  function traceReception(received: Received): void {
    const { traceparent: cause } = received;
    if (cause === undefined) return;
    // What a process starts on may have been asked for days ago: that is not the cause of this start.
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
    watch: (bus) => watchPublishes(bus, told),
    connection: (status) =>
      tell('setpoint.client.connect', () => ({
        ...told,
        status: status.kind,
        ...('attempt' in status && { attempt: status.attempt }),
        ...('session' in status && { session: status.session }),
      })),
    reception(reception, bytes) {
      tell('setpoint.client.receive', () => ({ ...told, bytes, ...describe(reception) }));
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
      last = undefined;
      try {
        await (span ? span.run(work) : work());
      } finally {
        const outcome = last as Outcome | undefined;
        traceparent = undefined;
        span?.end({
          error: errorOf(outcome),
          attributes: { 'setpoint.outcome': outcome?.kind ?? 'superseded' },
        });
        tell('setpoint.client.apply', () => ({
          ...told,
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
      // What came of the version that has its turn stays: messages are judged meanwhile.
      if (last?.kind !== 'applied' && last?.kind !== 'rejected') last = outcome;
    },
    state: ({ state, previous }) => tell('setpoint.client.state', () => ({ ...told, state, previous })),
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

const stampOf = ({ snapshot: { epoch, version } }: Received) => ({ epoch, version });

const errorOf = (outcome: Outcome | undefined): SetpointError | undefined =>
  outcome && 'error' in outcome ? outcome.error : undefined;

const codeOf = (cause: unknown): { readonly code?: string } =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? { code: cause.code } : {};

/** Everything but `publish` is the bus's own. */
function watchPublishes(bus: Bus, told: { readonly service: string; readonly instance: string }): Bus {
  const timed: Bus['publish'] = async (topic, payload, options) => {
    const startedAt = performance.now();
    let failure: unknown;
    try {
      return await bus.publish(topic, payload, options);
    } catch (cause) {
      failure = cause;
      throw cause;
    } finally {
      tell('setpoint.client.publish', () => ({
        ...told,
        topic,
        bytes: typeof payload === 'string' ? new TextEncoder().encode(payload).length : payload.byteLength,
        ...codeOf(failure),
        durationMs: performance.now() - startedAt,
      }));
    }
  };
  const publish: Bus['publish'] = (...message) =>
    isHeard('setpoint.client.publish') ? timed(...message) : bus.publish(...message);
  return new Proxy(bus, {
    get(target, name) {
      if (name === 'publish') return publish;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
