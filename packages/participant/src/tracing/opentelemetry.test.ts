import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTelemetry } from './opentelemetry.ts';

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
const tracing = openTelemetry({ tracer: provider.getTracer('test') });

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());
beforeEach(() => exporter.reset());

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('a span of OpenTelemetry', () => {
  it('a span is the child of the traceparent it is given, and has a traceparent of its own', () => {
    const span = tracing.start('setpoint.apply', {
      kind: 'consumer',
      parent,
      attributes: { 'setpoint.version': 3 },
    });
    span.end({ attributes: { 'setpoint.outcome': 'applied' } });
    const [finished] = exporter.getFinishedSpans();
    expect(finished).toMatchObject({
      name: 'setpoint.apply',
      kind: SpanKind.CONSUMER,
      parentSpanContext: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', isRemote: true },
      attributes: { 'setpoint.version': 3, 'setpoint.outcome': 'applied' },
    });
    expect(span.traceparent).toBe(`00-0af7651916cd43dd8448eb211c80319c-${finished?.spanContext().spanId}-01`);
  });

  it('a span without a parent is the child of the active span, and is active while its work runs', () => {
    const outer = tracing.start('setpoint.request', { kind: 'client' });
    const inner = outer.run(() => tracing.start('setpoint.decide', { kind: 'server' }));
    expect(inner.traceparent?.slice(3, 35)).toBe(outer.traceparent?.slice(3, 35));
    expect(inner.run(() => trace.getActiveSpan()?.spanContext().spanId)).toBe(inner.traceparent?.slice(36, 52));
  });

  it('a span with a link begins a trace of its own', () => {
    const span = tracing.start('setpoint.receive', { kind: 'consumer', link: parent });
    span.end();
    expect(span.traceparent).not.toContain('0af7651916cd43dd8448eb211c80319c');
    const [finished] = exporter.getFinishedSpans();
    expect(finished?.parentSpanContext).toBeUndefined();
    expect(finished?.links.map((link) => link.context.spanId)).toEqual(['b7ad6b7169203331']);
  });

  it('a span that ends with an error has the error status and its message', () => {
    tracing.start('setpoint.apply', { kind: 'internal' }).end({ error: new Error('no') });
    expect(exporter.getFinishedSpans()[0]?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no' });
  });

  it.each([
    'nonsense',
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
    '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01',
  ])('a span ignores the parent %s', (text) => {
    tracing.start('setpoint.receive', { kind: 'consumer', parent: text }).end();
    expect(exporter.getFinishedSpans()[0]?.parentSpanContext).toBeUndefined();
  });
});

it('without an SDK nothing is recorded, and the traceparent is passed on', () => {
  expect(openTelemetry().start('setpoint.apply', { kind: 'consumer', parent }).traceparent).toBe(parent);
  expect(openTelemetry().start('setpoint.apply', { kind: 'consumer' }).traceparent).toBeUndefined();
});
