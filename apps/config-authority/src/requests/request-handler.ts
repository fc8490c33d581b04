import { type Bus, type BusMessage, createPublishLane, type PublishLane } from '@setpoint/bus';
import type { ConflictNotice, Engine } from '@setpoint/engine';
import { createThrottle } from '@setpoint/participant';
import {
  anyName,
  createProblem,
  type Envelope,
  type EnvelopeWriter,
  isName,
  type KeyRing,
  openEnvelope,
  openMessage,
  type Problem,
  parseName,
  type Request,
  type Result,
  requestType,
  resultType,
  SetpointError,
  type Topics,
  type WireCode,
} from '@setpoint/protocol';
import type { Logger } from 'pino';
import type { TracedRequests } from './traced-requests.ts';

export interface RequestHandlerOptions {
  readonly bus: Bus;
  readonly engine: Engine;
  readonly topics: Topics;
  readonly writer: EnvelopeWriter;
  /** Whose requests to carry out; undefined: the broker decides who may ask. */
  readonly operatorKeys: KeyRing | undefined;
  readonly logger: Logger;
  readonly now: () => number;
  /** @default as the engine does */
  readonly perform?: TracedRequests['perform'];
}

export interface RequestHandler {
  /** Resolves when the broker delivers requests. */
  readonly ready: Promise<void>;
  /** Takes no more requests, and resolves when those under way are answered. */
  stop(): Promise<void>;
}

/**
 * Takes requests from the bus, has the engine carry them out, and answers.
 * @see docs/protocol.md#5-request-and-result
 */
export function createRequestHandler(options: RequestHandlerOptions): RequestHandler {
  const { bus, engine, topics, writer, operatorKeys: keys, logger, now } = options;
  const { perform = engine.request } = options;
  const running = new Set<Promise<void>>();
  const throttle = createThrottle({ perMs: 60_000, now });
  const undelivered = createThrottle({ perMs: 1000, now });
  const refusals = createThrottle({ perMs: 1000, now });
  const lanes = createAnswerLanes();

  const answer = async (requester: string, requestId: string, result: Result): Promise<void> => {
    const { service } = result;
    try {
      const options = { lane: lanes.of(requester) };
      await bus.publish(topics.result(service, requester), seal(requestId, result), options);
    } catch (cause) {
      const leftOut = undelivered.admit('result');
      if (leftOut === undefined) return;
      const fields = { err: cause, service, requester, requestId, ...(leftOut > 0 && { leftOut }) };
      logger.warn(fields, 'a result was not delivered; the requester asks again');
    }
  };

  /** An answer that does not fit into a message still says what became of the request. */
  function seal(requestId: string, result: Result): Uint8Array {
    const sealed = (data: Result): Uint8Array =>
      writer.seal({ type: resultType, subject: result.service, data, correlationid: requestId }).bytes;
    try {
      return sealed(result);
    } catch (cause) {
      if (!(cause instanceof SetpointError)) throw cause;
      return sealed(shorten(result, cause.message));
    }
  }

  const handle = async ({ topic, payload }: BusMessage): Promise<void> => {
    const address = topics.parse(topic);
    if (address?.kind !== 'request') return;
    const { service } = address;
    try {
      const { envelope, data, signedBy } = openMessage(requestType, payload, { keys, now: now() });
      if (data.service !== service || envelope.subject !== service) {
        throw new SetpointError('message_unexpected', `a request for ${data.service} came on the topic of ${service}`);
      }
      const requester = requesterOf(envelope);
      const result = await perform(data, envelope.id, { requester, signedBy }, envelope.traceparent);
      log(data, requester, envelope.id, result);
      await answer(requester, envelope.id, result);
    } catch (cause) {
      if (!(cause instanceof SetpointError)) throw cause;
      await refuse(service, payload, cause);
    }
  };

  /** Answers what can't be carried out, where it says who asked; tells the log once a minute of each source. */
  async function refuse(service: string, payload: Uint8Array, cause: SetpointError): Promise<void> {
    const envelope = attempt(() => openEnvelope(payload, { role: 'operator', now: now() }).envelope);
    const requester = envelope && attempt(() => requesterOf(envelope));
    const dropped = throttle.admit(requester ?? 'unknown');
    if (dropped !== undefined)
      logger.warn({ service, requester, code: cause.code, dropped }, 'a request was refused unread');
    if (!envelope || requester === undefined) return;
    const isDenied = /^(signature|key)_/.test(cause.code);
    const problem = createProblem(isDenied ? 'access_denied' : 'request_malformed', cause.message, cause.faults);
    await answer(requester, envelope.id, standing(engine, service, isDenied ? 'denied' : 'rejected', problem));
  }

  /** What changed something is logged each time; refusals once a second for each requester. */
  function log({ op, service }: Request, requester: string, requestId: string, result: Result): void {
    const { status, version, changed } = result;
    const isRefusal = status === 'rejected' || status === 'denied' || status === 'conflict';
    const leftOut = isRefusal ? refusals.admit(requester) : 0;
    if (leftOut === undefined) return;
    const level = isRefusal || status === 'applied' ? 'info' : 'debug';
    const code = result.problem?.code;
    const more = { ...(code !== undefined && { code }), ...(leftOut > 0 && { leftOut }) };
    logger[level]({ service, op, requester, requestId, status, version, changed, ...more }, 'request');
  }

  const subscription = bus.subscribe(topics.request(anyName), (message) => {
    const task = handle(message)
      .catch((cause) =>
        logger.error({ err: cause, topic: message.topic }, 'a request failed; this is a fault of the authority'),
      )
      .finally(() => running.delete(task));
    running.add(task);
  });
  const endConflicts = engine.onConflict(({ requester, requestId, result }: ConflictNotice) => {
    logger.info({ service: result.service, overwritten: requester, by: result.overwrittenBy }, 'conflicting changes');
    void answer(requester, requestId, result);
  });

  return {
    ready: subscription.ready,
    async stop() {
      endConflicts();
      await subscription.close().catch(() => undefined);
      await Promise.all(running);
    },
  };
}

/** Answers of one requester that may wait for the broker: those of others must not wait for them, or be lost with them. */
const laneBounds = { maxMessages: 200, maxBytes: 1_048_576, overflow: 'drop-oldest' } as const;
/** Requesters whose lanes are kept. */
const maxLanes = 256;

function createAnswerLanes(): { of(requester: string): PublishLane } {
  const lanes = new Map<string, PublishLane>();
  return {
    of(requester) {
      const lane = lanes.get(requester) ?? createPublishLane(laneBounds);
      lanes.delete(requester);
      lanes.set(requester, lane);
      const [oldest] = lanes.keys();
      if (lanes.size > maxLanes && oldest !== undefined) lanes.delete(oldest);
      return lane;
    },
  };
}

/** @throws SetpointError `name_invalid` */
function requesterOf({ source }: Envelope): string {
  const [root, room, name, ...rest] = source.split('/');
  if (root !== '' || room !== 'operator' || name === undefined || rest.length > 0) {
    throw new SetpointError('name_invalid', 'the source of a request is /operator/<name>');
  }
  return parseName(name, 'an operator');
}

function standing(engine: Engine, service: string, status: 'denied' | 'rejected', problem: Problem): Result {
  const stamp = isName(service) ? engine.current(service)?.snapshot : undefined;
  return {
    status,
    service,
    epoch: engine.store.epoch,
    version: stamp?.version ?? 0,
    changed: [],
    restartRequired: [],
    warnings: [],
    problem,
  };
}

/** Characters. */
const maxDetailLength = 1000;

/** Leaves out the lists that make an answer large. What was read is left out altogether. */
function shorten(result: Result, why: string): Result {
  const { service, epoch, version, digest, changed, restartRequired } = result;
  const base = {
    service,
    epoch,
    version,
    ...(digest !== undefined && { digest }),
    changed: changed.length > 0 ? [''] : [],
    restartRequired: restartRequired.length > 0 ? [''] : [],
    warnings: [{ pointer: '', message: `the answer was too large, and is told without its lists: ${why}` }],
  };
  switch (result.status) {
    case 'applied':
    case 'unchanged':
      return { ...base, status: result.status, ...(result.services && { services: result.services }) };
    case 'valid':
      return { ...base, status: 'valid' };
    case 'found':
      return { ...base, status: 'rejected', problem: withoutFaults('message_too_large', `${why}; ask for less`) };
    case 'rejected':
    case 'denied':
      return { ...base, status: result.status, problem: withoutFaults(result.problem.code, result.problem.detail) };
    case 'conflict': {
      const { problem, overwrittenBy } = result;
      const by = overwrittenBy === undefined ? {} : { overwrittenBy };
      return { ...base, ...by, status: 'conflict', problem: withoutFaults(problem.code, problem.detail) };
    }
    case 'duplicate':
      return { ...base, status: 'duplicate', original: shorten(result.original, why) };
  }
}

const withoutFaults = (code: WireCode, detail: string): Problem =>
  createProblem(code, detail.slice(0, maxDetailLength));

function attempt<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}
