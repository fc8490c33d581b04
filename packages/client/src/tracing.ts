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
