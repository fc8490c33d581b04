import type { Bus } from '@setpoint/bus';
import { guardTracing, type Tracing, untraced } from '@setpoint/participant';
import {
  anyName,
  createEnvelopeWriter,
  createTopics,
  healthType,
  type KeyRing,
  newMessageId,
  type Operation,
  parseName,
  type Request,
  type Result,
  requestType,
  resultType,
  SetpointError,
  type Signer,
  tryOpenMessage,
} from '@setpoint/protocol';

/** Asks the authority for changes, over MQTT alone. */
export interface Operator {
  /**
   * Sends a request and resolves with its result, also with a refusal. Waits until the authority is there, and repeats
   * the request under the same id until it is answered: the authority decides it once.
   * @throws SetpointError `no_answer` when nothing came within the time; the request may still be carried out; `stopped` when the bus is closed
   */
  request(service: string, operation: Operation & OperatorRequestOptions): Promise<Result>;
  /** Calls `listener` when a change of this operator was overwritten by another. Returns a function that ends it. */
  onNotice(listener: (notice: Result) => void): () => void;
}

/** What goes with every operation. */
export type OperatorRequestOptions = Pick<
  Request,
  'expectedVersion' | 'reason' | 'expiresAt' | 'acceptRestart' | 'create'
> & {
  /** @default a fresh UUIDv7; the same id again is the same request */
  readonly id?: string;
};

export interface OperatorOptions {
  /** Started by the caller, and stopped by the caller. */
  readonly bus: Bus;
  /** The name of the operator: the author of the changes. */
  readonly name: string;
  /** @default "" */
  readonly prefix?: string;
  /** @default "config-authority" */
  readonly authority?: string;
  /** Signs the requests. */
  readonly signer?: Signer | undefined;
  /** Whose results to believe. @default every one's */
  readonly keys?: KeyRing | undefined;
  /** Milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** Milliseconds until a request is sent again. @default 1000 */
  readonly retryMs?: number;
  /** `openTelemetry()` of `@setpoint/client/opentelemetry`. @default none is recorded */
  readonly tracing?: Tracing;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: () => number;
}

/** @throws SetpointError `name_invalid` */
export function createOperator(options: OperatorOptions): Operator {
  const {
    bus,
    prefix = '',
    authority = 'config-authority',
    keys,
    timeoutMs = 10_000,
    retryMs = 1000,
    tracing: given = untraced,
    now = Date.now,
  } = options;
  const name = parseName(options.name, 'an operator');
  const topics = createTopics(prefix);
  const writer = createEnvelopeWriter({ source: `/operator/${name}`, signer: options.signer, now });
  const waiting = new Map<string, Set<(result: Result) => void>>();
  /** Rejects what waits when the bus is closed. */
  const closeListeners = new Set<(reason: SetpointError) => void>();
  const noticeListeners = new Set<(notice: Result) => void>();
  const presence = watchPresence(bus, topics.health(authority), now);

  // The results of all services: a notice is published under the service of the change that overwrote.
  const listening = bus.subscribe(topics.result(anyName, name), ({ payload }) => take(payload)).ready;
  listening.catch(() => undefined);
  bus.onStatus(({ kind }) => {
    if (kind === 'closed') for (const reject of [...closeListeners]) reject(closed());
  });

  function take(payload: Uint8Array): void {
    const opened = tryOpenMessage(resultType, payload, { keys, now: now() });
    const id = opened?.envelope.correlationid;
    if (!opened || id === undefined) return;
    if (opened.data.overwrittenBy !== undefined) for (const listener of noticeListeners) listener(opened.data);
    else for (const settle of waiting.get(id) ?? []) settle(opened.data);
  }

  /** Waits for the result of a request; the same id may be requested twice at once. Returns a function that stops waiting. */
  function listenFor(id: string, settle: (result: Result) => void): () => void {
    const all = waiting.get(id) ?? new Set();
    waiting.set(id, all.add(settle));
    return () => {
      all.delete(settle);
      if (all.size === 0) waiting.delete(id);
    };
  }

  async function ask(data: Request, id: string, traceparent: string | undefined): Promise<Result> {
    if (bus.status.kind === 'closed') throw closed();
    const { service } = data;
    const { bytes } = writer.seal({ id, type: requestType, subject: service, data, traceparent });
    const topic = topics.request(service);
    let isAsked = false;
    let isOver = false;
    let retry: NodeJS.Timeout | undefined;
    let deadline: NodeJS.Timeout | undefined;
    let endReturns: (() => void) | undefined;
    const { promise: answered, resolve } = Promise.withResolvers<Result>();
    const endWaiting = listenFor(id, resolve);
    const { promise: failed, reject } = Promise.withResolvers<never>();
    failed.catch(() => undefined);
    closeListeners.add(reject);
    deadline = setTimeout(() => reject(noAnswer(isAsked, authority, timeoutMs)), timeoutMs);
    // A publish that fails is retried by the next round; the deadline reports it if none succeeds.
    const send = (): void => void bus.publish(topic, bytes).catch(() => undefined);
    const begin = async (): Promise<Result> => {
      await Promise.all([listening, presence.there]);
      // The caller was told that nothing was sent, which must stay true.
      if (isOver) return answered;
      isAsked = true;
      send();
      retry = setInterval(send, retryMs);
      // A request that was sent while the authority was away has most likely vanished.
      endReturns = presence.onReturn(send);
      return answered;
    };
    try {
      const result = await Promise.race([begin(), failed]);
      return result.original ?? result;
    } finally {
      isOver = true;
      clearInterval(retry);
      clearTimeout(deadline);
      closeListeners.delete(reject);
      endReturns?.();
      endWaiting();
    }
  }

  const tracing = guardTracing(given);
  return {
    async request(service, { id = newMessageId(), ...operation }) {
      const data = { service, author: name, ...operation } as Request;
      const span = tracing.start('setpoint.request', {
        kind: 'client',
        attributes: { 'setpoint.service': service, 'setpoint.operation': data.op },
      });
      try {
        const result = await ask(data, id, span.traceparent);
        span.end({ attributes: { 'setpoint.status': result.status, 'setpoint.version': result.version } });
        return result;
      } catch (cause) {
        span.end({ error: cause as Error });
        throw cause;
      }
    },
    onNotice(listener) {
      noticeListeners.add(listener);
      return () => void noticeListeners.delete(listener);
    },
  };
}

const closed = (): SetpointError =>
  new SetpointError('stopped', 'the connection of this operator was closed; connect again');

const noAnswer = (isAsked: boolean, authority: string, timeoutMs: number): SetpointError =>
  new SetpointError(
    'no_answer',
    isAsked
      ? `${authority} did not answer within ${timeoutMs} ms; the request may still be carried out, so read the service before asking again`
      : `${authority} is not there: nothing was asked within ${timeoutMs} ms; is it running, on this broker and prefix?`,
  );

interface Presence {
  /** Resolves when the authority is there for the first time. */
  readonly there: Promise<void>;
  /** Calls `listener` whenever it is there with another session than before. Returns a function that ends it. */
  onReturn(listener: () => void): () => void;
}

/** A request that is sent before the authority has subscribed vanishes, so its health is waited for. */
function watchPresence(bus: Bus, topic: string, now: () => number): Presence {
  const { promise: there, resolve } = Promise.withResolvers<void>();
  const listeners = new Set<() => void>();
  let session: string | undefined;
  bus.subscribe(topic, ({ payload }) => {
    const health = tryOpenMessage(healthType, payload, { now: now() })?.data;
    if (!health || health.state === 'offline' || health.state === 'starting' || health.session === session) return;
    session = health.session;
    resolve();
    for (const listener of listeners) listener();
  });
  return {
    there,
    onReturn(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
