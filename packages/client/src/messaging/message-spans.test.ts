import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { createMemoryBroker, type MemoryBroker } from '@setpoint/bus/memory';
import { type Tracing, untraced } from '@setpoint/participant';
import { openTelemetry } from '@setpoint/participant/opentelemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createMessenger } from './messenger.ts';
import { ReplyRefused } from './replier.ts';
import { defineTopic } from './typed-topic.ts';

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
const recorded = openTelemetry({ tracer: provider.getTracer('test') });
const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let broker: MemoryBroker;
let stack: AsyncDisposableStack;
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());
beforeEach(() => {
  broker = createMemoryBroker();
  stack = new AsyncDisposableStack();
  exporter.reset();
});
afterEach(() => stack.disposeAsync());

async function open(instance: string, tracing: Tracing = recorded) {
  const bus = broker.connect();
  stack.defer(() => bus.stop());
  await bus.start();
  return createMessenger({ bus, service: 'lamp', instance, prefix: '', now: Date.now, tracing, onFault: () => {} });
}

/** What finished, with the name of what caused it; waits until there are so many. */
async function finished(count: number) {
  while (exporter.getFinishedSpans().length < count) await new Promise((settle) => setImmediate(settle));
  const spans = exporter.getFinishedSpans();
  const nameOf = new Map(spans.map((span) => [span.spanContext().spanId, span.name]));
  return spans.map((span) => ({ span, name: span.name, cause: nameOf.get(span.parentSpanContext?.spanId ?? '') }));
}

const causesOf = (found: Awaited<ReturnType<typeof finished>>) =>
  found.map(({ name, cause }) => [cause, name]).sort(([, a], [, b]) => String(a).localeCompare(String(b)));

describe('messages between services', () => {
  it('Client-14-Message-Traces: what a handler publishes and asks is caused by the message that it handles, in one trace', async () => {
    const [sensor, lamp, store] = [await open('sensor-1'), await open('lamp-1'), await open('store-1')];
    const answers: unknown[] = [];
    await store.reply('store/ask', async () => {
      await Promise.resolve();
      await store.publish('store/asked', {});
      return { isOn: true };
    }).ready;
    await lamp.subscribe('sensor/+/motion', async () => {
      await new Promise((settle) => setImmediate(settle));
      answers.push(await lamp.request('store/ask', {}));
      await lamp.publish('lamp/hall/state', { isOn: true });
    }).ready;
    await sensor.publish('sensor/hall/motion', { n: 1 }, { traceparent: parent });
    const found = await finished(6);
    expect(answers).toEqual([{ isOn: true }]);
    expect(causesOf(found)).toEqual([
      ['publish sensor/hall/motion', 'process sensor/+/motion'],
      ['request store/ask', 'process store/ask'],
      ['process sensor/+/motion', 'publish lamp/hall/state'],
      [undefined, 'publish sensor/hall/motion'],
      ['process store/ask', 'publish store/asked'],
      ['process sensor/+/motion', 'request store/ask'],
    ]);
    expect(new Set(found.map(({ span }) => span.spanContext().traceId))).toEqual(
      new Set(['0af7651916cd43dd8448eb211c80319c']),
    );
  });

  it('spans carry the attributes of the semantic conventions for messaging, and no value of a message', async () => {
    const [sensor, lamp] = [await open('sensor-1'), await open('lamp-1')];
    await lamp.subscribe('sensor/+/motion', () => {}).ready;
    await sensor.publish('sensor/hall/motion', { secret: 'hunter2' });
    const [processed, published] = (await finished(2))
      .map(({ span }) => span)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const id = published?.attributes['messaging.message.id'];
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(published).toMatchObject({ name: 'publish sensor/hall/motion', kind: SpanKind.PRODUCER });
    expect(published?.attributes).toEqual({
      'messaging.system': 'mqtt',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'sensor/hall/motion',
      'messaging.message.id': id,
    });
    expect(processed).toMatchObject({ name: 'process sensor/+/motion', kind: SpanKind.CONSUMER });
    expect(processed?.attributes).toEqual({
      'messaging.system': 'mqtt',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'sensor/hall/motion',
      'messaging.destination.template': 'sensor/+/motion',
      'messaging.message.id': id,
    });
  });

  it('spans of failed calls say why they failed', async () => {
    const [sensor, lamp] = [await open('sensor-1'), await open('lamp-1')];
    await lamp.subscribe('broken', () => {
      throw new RangeError('too bright');
    }).ready;
    await lamp.reply('refused', () => {
      throw new ReplyRefused('there is no lamp');
    }).ready;
    const typed = defineTopic('typed', z.object({ n: z.number() }));
    await typed.subscribe(lamp, () => {}).ready;
    await sensor.publish('broken', {});
    await sensor.publish('typed', { n: 'one' });
    await sensor.request('refused', {}).catch(() => {});
    const failures = (await finished(6)).filter(({ span }) => span.status.code === SpanStatusCode.ERROR);
    expect(failures.map(({ name, span }) => [name, span.attributes['error.type']]).sort()).toEqual([
      ['process broken', 'RangeError'],
      ['process refused', 'ReplyRefused'],
      ['process typed', 'InvalidMessage'],
      ['request refused', 'reply_failed'],
    ]);
  });

  it('a publish that waits for the broker ends when it is known what became of it', async () => {
    const bus = broker.connect();
    stack.defer(() => bus.stop());
    const sensor = createMessenger({
      bus,
      service: 'lamp',
      instance: 'sensor-1',
      prefix: '',
      now: Date.now,
      tracing: recorded,
      onFault: () => {},
    });
    const results = [await sensor.publish('kept', {}), await sensor.publish('old', {}, { maxAgeMs: 1 })];
    await expect(sensor.publish('big', { text: 'x'.repeat(1_100_000) })).rejects.toMatchObject({
      code: 'message_too_large',
    });
    expect(results.map(({ status }) => status)).toEqual(['queued', 'queued']);
    expect((await finished(2)).map(({ name, span }) => [name, span.attributes['error.type']])).toEqual([
      ['publish big', 'message_too_large'],
      ['publish old', 'expired'],
    ]);
    await bus.start();
    const [, , kept] = await finished(3);
    expect(kept).toMatchObject({ name: 'publish kept', span: { status: { code: SpanStatusCode.UNSET } } });
  });

  it('a stream is one request, from its first item to the last that is taken', async () => {
    const [asker, replier] = [await open('asker-1'), await open('replier-1')];
    await replier.reply('count', async function* () {
      for (let n = 0; n < 20; n += 1) yield { n };
    }).ready;
    const taken: number[] = [];
    for await (const { n } of asker.requestStream<{ n: number }>('count', {})) {
      taken.push(n);
      expect(exporter.getFinishedSpans()).toEqual([]);
      if (n === 2) break;
    }
    expect(taken).toEqual([0, 1, 2]);
    expect(causesOf(await finished(2))).toEqual([
      ['request count', 'process count'],
      [undefined, 'request count'],
    ]);
  });

  it('without a cause a message begins a trace of its own, whatever was active when the connection was opened', async () => {
    const outer = recorded.start('setpoint.request', { kind: 'client' });
    const [plain, lamp] = await outer.run(async () => [await open('plain-1', untraced), await open('lamp-1')] as const);
    const active: unknown[] = [];
    await outer.run(
      () => lamp.subscribe('motion', () => active.push(trace.getActiveSpan()?.spanContext().traceId)).ready,
    );
    await outer.run(() => plain.publish('motion', {}));
    const [processed] = await finished(1);
    expect(processed?.span.parentSpanContext).toBeUndefined();
    expect(processed?.span.spanContext().traceId).not.toBe(outer.traceparent?.slice(3, 35));
    expect(active).toEqual([processed?.span.spanContext().traceId]);
  });

  it('without tracing carry what they were given, and nothing else', async () => {
    const [sensor, lamp] = [await open('sensor-1', untraced), await open('lamp-1', untraced)];
    const heard: unknown[] = [];
    await lamp.subscribe('+', ({ traceparent }, topic) => heard.push([topic, traceparent])).ready;
    await sensor.publish('a', {}, { traceparent: parent });
    await sensor.publish('b', {});
    await lamp.reply('c', () => ({})).ready;
    await sensor.request('c', {}, { traceparent: parent });
    expect(heard).toEqual([
      ['a', parent],
      ['b', undefined],
      ['c', parent],
    ]);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});

describe('a tracing library that throws', () => {
  const broken = (what: 'start' | 'run' | 'end'): Tracing => ({
    start(name, options) {
      if (what === 'start') throw new Error('no tracer');
      const span = untraced.start(name, options);
      const fail = (): never => {
        throw new Error('the exporter is gone');
      };
      return what === 'run' ? { ...span, run: fail } : { ...span, end: fail };
    },
  });

  it.each(['start', 'run', 'end'] as const)('a tracing library that throws at %s costs no message', async (what) => {
    const [sender, receiver] = [await open('a', broken(what)), await open('b', broken(what))];
    const heard = Promise.withResolvers<unknown>();
    const subscription = receiver.subscribe('x/y', ({ data }) => heard.resolve(data));
    await subscription.ready;
    expect(await sender.publish('x/y', { n: 1 })).toMatchObject({ status: 'sent' });
    expect(await heard.promise).toEqual({ n: 1 });
    expect(subscription.stats()).toMatchObject({ handled: 1, failed: 0 });
  });
});
