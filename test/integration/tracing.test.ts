import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { openTelemetry } from '@setpoint/client/opentelemetry';
import { createOperator } from '@setpoint/client/operator';
import { openAedes } from '@setpoint/test-support/brokers/aedes';
import type { BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { runCli } from '@setpoint/test-support/cli';
import { createInbox } from '@setpoint/test-support/samples';
import { openWorld } from '@setpoint/test-support/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openServedApi } from '../../apps/config-authority/test/served-api.ts';

const sdk = fileURLToPath(import.meta.resolve('@setpoint/test-support/opentelemetry-sdk'));

async function openFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'setpoint-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Finished spans, as they finish. */
function record() {
  const finished = createInbox<ReadableSpan>();
  const exporter = new InMemorySpanExporter();
  const processor = new SimpleSpanProcessor({
    exporter: {
      export(spans, done) {
        for (const span of spans) finished.put(span);
        exporter.export(spans, done);
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush(),
    },
  });
  const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer('test');
  return { tracing: openTelemetry({ tracer }), finished };
}

describe('on aedes', () => {
  let broker: BrokerHarness;
  beforeAll(async () => {
    broker = await openAedes();
  });
  afterAll(() => broker.close());

  it('one trace goes from the request through decision, publish, receive and apply to healthy', async () => {
    const { tracing, finished } = record();
    await using world = await openWorld(broker, { tracing });
    const service = await world.service({ instance: 'stt-1' });
    const operator = await world.operator();
    const result = await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 } } });
    expect(result).toMatchObject({ status: 'applied', version: 2 });

    const traceOf = (span: ReadableSpan | undefined): string | undefined => span?.spanContext().traceId;
    const trace = traceOf(finished.all.find(({ name }) => name === 'setpoint.request'));
    const spansOf = () => finished.all.filter((span) => traceOf(span) === trace);
    while (spansOf().length < 6) await finished.next();
    expect(service.current.vad.threshold).toBe(0.7);

    const spans = spansOf();
    const healthy = spans.find(({ name }) => name === 'setpoint.healthy');
    const nameOf = new Map(spans.map((span) => [span.spanContext().spanId, span.name]));
    const causes = spans.map(({ name, parentSpanContext }) => [nameOf.get(parentSpanContext?.spanId ?? ''), name]);
    expect(causes.sort(([, a], [, b]) => String(a).localeCompare(String(b)))).toEqual([
      ['setpoint.receive', 'setpoint.apply'],
      ['setpoint.request', 'setpoint.decide'],
      ['setpoint.apply', 'setpoint.healthy'],
      ['setpoint.decide', 'setpoint.publish'],
      ['setpoint.publish', 'setpoint.receive'],
      [undefined, 'setpoint.request'],
    ]);
    expect(healthy?.attributes).toMatchObject({
      'setpoint.instance': 'stt-1',
      'setpoint.state': 'ready',
      'setpoint.event': 'config_applied',
    });
    // No span repeats a value.
    expect(JSON.stringify(spans.map(({ attributes, events }) => [attributes, events]))).not.toContain('0.7');
  });

  it('Client-15-Operator-Traces: a change by the command line begins the trace when its process was started with an SDK', async () => {
    await using folder = await openFolder();
    const { tracing, finished } = record();
    await using world = await openWorld(broker, { tracing });
    await world.service({ instance: 'stt-1' });
    const file = join(folder.path, 'spans');
    const args = ['set', 'stt-worker', '/vad/threshold=0.7', '--url', broker.url as string, '--prefix', world.prefix];
    const run = await runCli(args, { NODE_OPTIONS: `--import ${sdk}`, SPANS: file });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const [asked, ...others] = (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(others).toEqual([]);
    expect(asked).toMatchObject({
      name: 'setpoint.request',
      attributes: { 'setpoint.service': 'stt-worker', 'setpoint.status': 'applied', 'setpoint.version': 2 },
    });
    expect(asked).not.toHaveProperty('parent');
    const spansOf = () => finished.all.filter((span) => span.spanContext().traceId === asked.traceId);
    while (spansOf().length < 5) await finished.next();
    const names = spansOf().map(({ name }) => name);
    expect(names.sort()).toEqual([
      'setpoint.apply',
      'setpoint.decide',
      'setpoint.healthy',
      'setpoint.publish',
      'setpoint.receive',
    ]);
    const decided = spansOf().find(({ name }) => name === 'setpoint.decide');
    expect(decided?.parentSpanContext?.spanId).toBe(asked.spanId);
  });

  it('a message between services has its publication and its handling in one trace', async () => {
    const { tracing, finished } = record();
    await using world = await openWorld(broker, { tracing, withAuthority: false });
    const options = { startTimeoutMs: 1, enableHealth: false };
    const [talker, listener] = await Promise.all([
      world.connect({ ...options, service: 'talker', schema: z.object({}) }),
      world.connect({ ...options, service: 'listener', schema: z.object({}) }),
    ]);
    await listener.messenger.subscribe('said/+', () => {}).ready;
    await talker.messenger.publish('said/once', {});
    const named = (wanted: string) => finished.all.find(({ name }) => name === wanted);
    while (!named('publish said/once') || !named('process said/+')) await finished.next();
    expect(named('process said/+')?.parentSpanContext?.spanId).toBe(named('publish said/once')?.spanContext().spanId);
  });

  it('a start has a trace of its own that links to the change that it starts on', async () => {
    const { tracing, finished } = record();
    await using world = await openWorld(broker, { tracing });
    await world.service({ instance: 'stt-1' });
    let received = await finished.next();
    while (received.name !== 'setpoint.receive') received = await finished.next();
    const published = finished.all.find(({ name }) => name === 'setpoint.publish');
    expect(received.parentSpanContext).toBeUndefined();
    expect(received.links.map((link) => link.context.spanId)).toEqual([published?.spanContext().spanId]);
    expect(received.spanContext().traceId).not.toBe(published?.spanContext().traceId);
  });

  it('a change that a service refuses ends in a healthy span that says why', async () => {
    const { tracing, finished } = record();
    await using world = await openWorld(broker, { tracing });
    const service = await world.service({ instance: 'stt-1' });
    service.onChange({
      prepare: () => {
        throw new Error('the card has no room');
      },
      commit: () => undefined,
    });
    const operator = await world.operator();
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 } } });
    const ended = (wanted: string): ReadableSpan | undefined =>
      finished.all.find(({ name, status }) => name === wanted && status.message !== undefined);
    while (!ended('setpoint.apply') || !ended('setpoint.healthy')) await finished.next();
    expect(ended('setpoint.healthy')?.status.message).toContain('the card has no room');
    expect(ended('setpoint.healthy')?.attributes).toMatchObject({ 'setpoint.event': 'config_rejected' });
    expect(ended('setpoint.apply')?.attributes).toMatchObject({
      'setpoint.outcome': 'rejected',
      'setpoint.version': 2,
    });
  });

  it('a request over HTTP carries its trace on', async () => {
    await using api = await openServedApi(broker);
    const snapshots = await api.world.watch('config/stt-worker/snapshot');
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await api.ask('PATCH', '/services/stt-worker', {
      headers: { traceparent },
      type: 'application/merge-patch+json',
      body: { vad: { threshold: 0.7 } },
    });
    expect(answer.text).toContain('"version":2');
    const { json } = await snapshots.until((message) => message.json?.data.version === 2);
    expect(json.traceparent).toBe(traceparent);
  });

  it('passes through an authority and a service without tracing', async () => {
    const { tracing } = record();
    await using world = await openWorld(broker);
    await world.service({ instance: 'stt-1' });
    const health = await world.watch('system/health/stt-1');
    const snapshots = await world.watch('config/stt-worker/snapshot');
    const operator = createOperator({ bus: await world.bus(), name: 'ann', prefix: world.prefix, tracing });
    await operator.request('stt-worker', { op: 'merge', patch: { vad: { threshold: 0.7 } } });
    const snapshot = await snapshots.until(({ json }) => json?.data.version === 2);
    const told = await health.until(({ json }) => json?.data.event === 'config_applied');
    expect(snapshot.json.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(told.json.traceparent).toBe(snapshot.json.traceparent);
  });
});
