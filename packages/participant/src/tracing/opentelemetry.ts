import {
  type Context,
  context,
  isSpanContextValid,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { SpanOptions, Tracing } from './tracing.ts';

export type { Tracing } from './tracing.ts';

export interface OpenTelemetryOptions {
  /** @default the tracer "@setpoint/client" of the provider that is registered when a span starts */
  readonly tracer?: Tracer;
}

const kinds: Readonly<Record<SpanOptions['kind'], SpanKind>> = {
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

/**
 * Returns tracing by OpenTelemetry, for the option `tracing` of `connect` and `connectOperator`. It depends on the API
 * package alone: without an SDK in the process nothing is recorded, and the trace context is passed on.
 *
 * @example
 * await using config = await connect({ url, service, schema, tracing: openTelemetry() });
 */
export function openTelemetry({ tracer }: OpenTelemetryOptions = {}): Tracing {
  return {
    start(name, { kind, parent, link, attributes = {} }) {
      const cause = parseTraceparent(parent);
      const linked = parseTraceparent(link);
      const active = context.active();
      const span = (tracer ?? trace.getTracer('@setpoint/client')).startSpan(
        name,
        {
          kind: kinds[kind],
          attributes,
          ...(linked && { links: [{ context: linked }] }),
          // The active context of an incoming message is the one in which the connection was opened: not its cause.
          root: cause === undefined && (linked !== undefined || kind === 'consumer'),
        },
        cause ? trace.setSpanContext(active, cause) : active,
      );
      return toTraceSpan(span, active, parent);
    },
  };
}

function toTraceSpan(span: Span, active: Context, parent: string | undefined): ReturnType<Tracing['start']> {
  return {
    traceparent: formatTraceparent(span.spanContext()) ?? parent,
    run: (work) => context.with(trace.setSpan(active, span), work),
    end({ error, attributes } = {}) {
      if (attributes) span.setAttributes(attributes);
      if (error) {
        span.recordException(error);
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      }
      span.end();
    },
  };
}

/** Returns undefined for text of any other form: a message of another producer may carry anything. */
function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const match = text && /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/.exec(text);
  if (!match) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = match;
  const parsed = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(parsed) ? parsed : undefined;
}

const formatTraceparent = (spanContext: SpanContext): string | undefined =>
  isSpanContextValid(spanContext)
    ? `00-${spanContext.traceId}-${spanContext.spanId}-${spanContext.traceFlags.toString(16).padStart(2, '0')}`
    : undefined;
