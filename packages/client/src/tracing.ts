/**
 * Follows a change through all processes that it passes, by the `traceparent` (W3C Trace Context) of its messages. The
 * client knows no tracing library; `openTelemetry()` of `@setpoint/client/opentelemetry` makes one of these of what the
 * process has.
 */
export interface Tracing {
  start(name: SpanName, options: SpanOptions): TraceSpan;
}

/** Those of a change in the order in which it causes them. */
export type SpanName =
  | 'setpoint.request'
  | 'setpoint.decide'
  | 'setpoint.publish'
  | 'setpoint.receive'
  | 'setpoint.apply'
  | 'setpoint.healthy'
  // Of messages between services, by the operation and the topic or filter.
  | `publish ${string}`
  | `request ${string}`
  | `process ${string}`;

export interface SpanOptions {
  readonly kind: 'client' | 'server' | 'producer' | 'consumer' | 'internal';
  /**
   * The span that caused this one, as a message told it.
   * @default the active span of this process; none for a consumer, which has been active since whoever connected
   */
  readonly parent?: string | undefined;
  /** A span that has to do with this one and did not cause it now. With it the span begins a trace of its own. */
  readonly link?: string | undefined;
  readonly attributes?: TraceAttributes;
}

export type TraceAttributes = Readonly<Record<string, string | number | boolean>>;

export interface TraceSpan {
  /** For the messages that this span causes. */
  readonly traceparent: string | undefined;
  /** Runs the work with this span as the active one. */
  run<T>(work: () => T): T;
  /** Ends it; with an error that says why what it stands for failed. */
  end(outcome?: { readonly error?: Error | undefined; readonly attributes?: TraceAttributes }): void;
}

/** Records nothing, and passes on what came: a trace does not break at a process that has no tracing. */
export const untraced: Tracing = {
  start: (_, { parent }) => ({ traceparent: parent, run: (work) => work(), end: () => undefined }),
};

/** The same tracing, of which nothing throws: a broken tracing library costs spans, and no message. */
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
  end(outcome) {
    try {
      span.end(outcome);
    } catch {
      // Nobody waits for it.
    }
  },
});

/** The work is done once, and what comes of it is its own, whatever becomes of the span. */
function runOnce<T>(span: TraceSpan, work: () => T): T {
  let done: { readonly value: T } | { readonly cause: unknown } | undefined;
  try {
    span.run(() => {
      try {
        done = { value: work() };
      } catch (cause) {
        done = { cause };
      }
    });
  } catch {
    // The library's own.
  }
  const came = done as typeof done | undefined;
  if (!came) return work();
  if ('cause' in came) throw came.cause;
  return came.value;
}
