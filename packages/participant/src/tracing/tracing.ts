/**
 * Follows a change through every process it passes, by the `traceparent` (W3C Trace Context) of its messages. Setpoint
 * depends on no tracing library; `openTelemetry()` of `@setpoint/client/opentelemetry` adapts the one of the process.
 */
export interface Tracing {
  start(name: SpanName, options: SpanOptions): TraceSpan;
}

/** The spans of a change, in the order in which each causes the next; then the spans of messages between services. */
export type SpanName =
  | 'setpoint.request'
  | 'setpoint.decide'
  | 'setpoint.publish'
  | 'setpoint.receive'
  | 'setpoint.apply'
  | 'setpoint.healthy'
  // Messages between services: the operation, then the topic or filter.
  | `publish ${string}`
  | `request ${string}`
  | `process ${string}`;

export interface SpanOptions {
  readonly kind: 'client' | 'server' | 'producer' | 'consumer' | 'internal';
  /**
   * The `traceparent` of the span that caused this one, from the message that carried it.
   * @default the active span of this process; none for a consumer, whose active span is the one that was active when it
   * connected
   */
  readonly parent?: string | undefined;
  /** The `traceparent` of a related span that is not the cause. A span with a link begins a new trace. */
  readonly link?: string | undefined;
  readonly attributes?: TraceAttributes;
}

export type TraceAttributes = Readonly<Record<string, string | number | boolean>>;

export interface TraceSpan {
  /** Goes into the messages that this span causes. */
  readonly traceparent: string | undefined;
  /** Runs the work with this span as the active one. */
  run<T>(work: () => T): T;
  /** Ends the span; `error` marks it as failed. */
  end(result?: { readonly error?: Error | undefined; readonly attributes?: TraceAttributes }): void;
}

/** Records nothing and passes on the `traceparent` it is given, so that a trace continues behind this process. */
export const untraced: Tracing = {
  start: (_, { parent }) => ({ traceparent: parent, run: (work) => work(), end: () => undefined }),
};

/**
 * Wraps a tracing so that it never throws: a broken tracing library costs spans and no message.
 *
 * @example
 * const tracing = guardTracing(options.tracing);
 */
export function guardTracing(tracing: Tracing): Tracing {
  return {
    start(name, options) {
      try {
        return guardSpan(tracing.start(name, options));
      } catch {
        return untraced.start(name, options);
      }
    },
  };
}

const guardSpan = (span: TraceSpan): TraceSpan => ({
  traceparent: span.traceparent,
  run: (work) => runOnce(span, work),
  end(result) {
    try {
      span.end(result);
    } catch {
      // A span that is lost is not worth an error.
    }
  },
});

/** Runs the work exactly once and returns or throws what it does, whether or not the span's `run` works. */
function runOnce<T>(span: TraceSpan, work: () => T): T {
  const runs: ({ readonly value: T } | { readonly cause: unknown })[] = [];
  try {
    span.run(() => {
      try {
        runs.push({ value: work() });
      } catch (cause) {
        runs.push({ cause });
      }
    });
  } catch {
    // Thrown by the tracing library, not by the work.
  }
  const [run] = runs;
  if (!run) return work();
  if ('cause' in run) throw run.cause;
  return run.value;
}
