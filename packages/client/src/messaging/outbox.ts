import {
  type Bus,
  BusError,
  type BusErrorCode,
  type MessageProperties,
  type PublishOptions,
  type QoS,
  refuseTopic,
} from '@setpoint/bus';

/** What became of a message for good. */
export type PublishOutcome =
  /** The broker has acknowledged it (QoS 1), or it is written (QoS 0). */
  | { readonly status: 'sent' }
  /**
   * It was given up. `outbox_full`: pushed out, or refused, as the policy says; `not_connected`: QoS 0 doesn't wait;
   * `publish_refused`, `message_too_large`: the broker did not take it; `stopped`: this process ends.
   */
  | { readonly status: 'dropped'; readonly reason: BusErrorCode; readonly error: BusError }
  /** It became too old. `maybeSent`: it was on its way when that was found, and may still arrive. */
  | { readonly status: 'expired'; readonly maybeSent: boolean };

/** What can be said of a message now. */
export type PublishResult =
  | PublishOutcome
  /** There is no connection: it waits for one. `outcome` never rejects; nobody has to wait for it. */
  | { readonly status: 'queued'; readonly outcome: Promise<PublishOutcome> };

/** What became of all messages. */
export interface OutboxCounters {
  readonly sent: number;
  readonly dropped: number;
  readonly expired: number;
  /** Wait for a connection or for their turn now. */
  readonly waiting: number;
  /** Bytes of those. */
  readonly waitingBytes: number;
  /** Are with the bus now, not acknowledged yet. At most 64. */
  readonly underWay: number;
}

export interface OutboxOptions {
  readonly bus: Pick<Bus, 'publish' | 'status' | 'onStatus'>;
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly policy: 'drop-oldest' | 'refuse';
}

export interface OutgoingOptions {
  readonly qos: QoS;
  readonly retain: boolean;
  /** Milliseconds. */
  readonly maxAgeMs: number;
  readonly properties?: MessageProperties | undefined;
}

/**
 * The messages that wait for the bus. Its own outbox has one age for all and refuses what is too much; this one knows
 * the age of each message, and lets the oldest go where that is the policy. Messages keep their order.
 */
export interface Outbox {
  /**
   * Never waits for a connection that is not there, or is lost meanwhile: says `queued` then.
   * @throws BusError `topic_invalid`
   */
  publish(topic: string, payload: Uint8Array, options: OutgoingOptions): Promise<PublishResult>;
  counters(): OutboxCounters;
  /** Resolves when nothing waits and nothing is under way, or there is no connection to wait for. */
  whenDrained(): Promise<void>;
  /** Drops what waits; every later message is dropped too. */
  stop(): void;
}

/** Messages that are handed to the bus at once; what was handed over can not be taken back when it becomes too old. */
const window = 64;
/** And bytes, unless it is one message: half of what may wait in the bus, which refuses what is more. */
const windowBytes = 8_388_608;

interface Entry {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly options: PublishOptions;
  readonly deadlineMs: number;
  readonly settle: (outcome: PublishOutcome) => void;
  /** There is no connection: the caller is told so, if nothing was said yet. */
  readonly defer: () => void;
  isSettled: boolean;
}

export function createOutbox({ bus, maxMessages, maxBytes, policy }: OutboxOptions): Outbox {
  const counts = { sent: 0, dropped: 0, expired: 0 };
  let waiting = new Set<Entry>();
  let waitingBytes = 0;
  const underWay = new Set<Entry>();
  /** Given up by age while the bus had them; they hold their place in the window until the bus is done with them. */
  let overdue = 0;
  /** Of the messages that the bus has. */
  let handedBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let timerAtMs = Number.POSITIVE_INFINITY;
  let drained: (() => void)[] = [];
  let isStopped = false;

  const isConnected = (): boolean => bus.status.kind === 'connected';
  const endListening = bus.onStatus(({ kind }) => {
    if (kind === 'connected') return pump();
    if (kind === 'draining' || kind === 'closed') return stop();
    for (const entry of [...underWay, ...waiting]) {
      if (entry.options.qos !== 0) entry.defer();
      else if (waiting.has(entry)) giveUp(entry);
    }
    noteDrained();
  });

  function settle(entry: Entry, outcome: PublishOutcome): void {
    if (entry.isSettled) return;
    entry.isSettled = true;
    counts[outcome.status] += 1;
    entry.settle(outcome);
  }

  function leave(entry: Entry): void {
    if (waiting.delete(entry)) waitingBytes -= entry.payload.byteLength;
  }

  /** QoS 0 doesn't wait for a connection. */
  function giveUp(entry: Entry): void {
    leave(entry);
    settle(entry, notConnected(entry.topic));
  }

  function hold(entry: Entry): void {
    while (waiting.size >= maxMessages || waitingBytes + entry.payload.byteLength > maxBytes) {
      const [oldest] = waiting;
      if (policy === 'refuse' || !oldest) return settle(entry, full(entry.topic, waiting.size, waitingBytes));
      leave(oldest);
      settle(oldest, full(oldest.topic, waiting.size + 1, waitingBytes + oldest.payload.byteLength));
    }
    waiting.add(entry);
    waitingBytes += entry.payload.byteLength;
    if (!isConnected()) entry.defer();
    watch(entry.deadlineMs);
  }

  const hasRoomFor = ({ payload }: Entry): boolean => {
    const count = underWay.size + overdue;
    return count === 0 || (count < window && handedBytes + payload.byteLength <= windowBytes);
  };

  function send(entry: Entry): void {
    underWay.add(entry);
    handedBytes += entry.payload.byteLength;
    watch(entry.deadlineMs);
    hand(entry).then(
      () => done(entry, { status: 'sent' }),
      (cause: unknown) => refused(entry, asBusError(entry.topic, cause)),
    );
  }

  /** It is a timer or a connection that calls: there is nobody who could catch what a bus throws. */
  function hand({ topic, payload, options }: Entry): Promise<void> {
    try {
      return bus.publish(topic, payload, options);
    } catch (cause) {
      return Promise.reject(cause);
    }
  }

  function refused(entry: Entry, error: BusError): void {
    // The bus gives every message the same time; one that has more is tried again. A second copy has the same id.
    const isEarly = error.code === 'publish_timeout' && !entry.isSettled && performance.now() < entry.deadlineMs;
    if (isEarly && !isStopped) {
      underWay.delete(entry);
      handedBytes -= entry.payload.byteLength;
      waiting = new Set([entry, ...waiting]);
      waitingBytes += entry.payload.byteLength;
      return pump();
    }
    if (error.code === 'publish_timeout') return done(entry, { status: 'expired', maybeSent: true });
    done(entry, dropped(error));
  }

  function done(entry: Entry, outcome: PublishOutcome): void {
    if (!underWay.delete(entry)) overdue -= 1;
    handedBytes -= entry.payload.byteLength;
    settle(entry, outcome);
    pump();
    noteDrained();
  }

  function pump(): void {
    if (!isConnected()) return;
    for (const entry of waiting) {
      if (!hasRoomFor(entry)) return;
      leave(entry);
      send(entry);
    }
  }

  function watch(deadlineMs: number): void {
    if (deadlineMs >= timerAtMs) return;
    clearTimeout(timer);
    timerAtMs = deadlineMs;
    timer = setTimeout(expire, Math.max(1, Math.ceil(deadlineMs - performance.now())));
    // The connection keeps a process alive, not the wish to give up on a message. In a browser it is a number.
    timer.unref?.();
  }

  function expire(): void {
    const nowMs = performance.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of [...underWay, ...waiting]) {
      if (entry.deadlineMs > nowMs) {
        nextMs = Math.min(nextMs, entry.deadlineMs);
        continue;
      }
      const maybeSent = underWay.delete(entry);
      if (maybeSent) overdue += 1;
      leave(entry);
      settle(entry, { status: 'expired', maybeSent });
    }
    timerAtMs = Number.POSITIVE_INFINITY;
    if (nextMs < timerAtMs) watch(nextMs);
    noteDrained();
  }

  const isIdle = (): boolean => waiting.size === 0 && underWay.size === 0;

  function noteDrained(): void {
    if (drained.length === 0 || !(isIdle() || !isConnected())) return;
    const told = drained;
    drained = [];
    for (const tell of told) tell();
  }

  function stop(): void {
    if (isStopped) return;
    isStopped = true;
    endListening();
    clearTimeout(timer);
    const left = [...waiting];
    waiting.clear();
    waitingBytes = 0;
    for (const entry of left) settle(entry, stopped(entry.topic));
    noteDrained();
  }

  return {
    async publish(topic, payload, { qos, retain, maxAgeMs, properties }) {
      const wrong = refuseTopic(topic);
      if (wrong) throw wrong;
      const options = { qos, retain, ...(properties && { properties }) };
      const { entry, result } = createEntry(topic, payload, options, performance.now() + maxAgeMs);
      if (isStopped) settle(entry, stopped(topic));
      else if (isConnected() && waiting.size === 0 && hasRoomFor(entry)) send(entry);
      else if (qos === 0 && !isConnected()) settle(entry, notConnected(topic));
      else hold(entry);
      return result;
    },
    counters: () => ({
      ...counts,
      waiting: waiting.size,
      waitingBytes,
      underWay: underWay.size + overdue,
    }),
    async whenDrained() {
      if (isIdle() || !isConnected()) return;
      await new Promise<void>((settle) => drained.push(settle));
    },
    stop,
  };
}

function createEntry(
  topic: string,
  payload: Uint8Array,
  options: PublishOptions,
  deadlineMs: number,
): { readonly entry: Entry; readonly result: Promise<PublishResult> } {
  const first = Promise.withResolvers<PublishResult>();
  let later: PromiseWithResolvers<PublishOutcome> | undefined;
  const entry: Entry = {
    topic,
    payload,
    options,
    deadlineMs,
    isSettled: false,
    settle(outcome) {
      if (later) later.resolve(outcome);
      else first.resolve(outcome);
    },
    defer() {
      if (later) return;
      later = Promise.withResolvers<PublishOutcome>();
      first.resolve({ status: 'queued', outcome: later.promise });
    },
  };
  return { entry, result: first.promise };
}

const asBusError = (topic: string, cause: unknown): BusError =>
  cause instanceof Error && cause.name === 'BusError'
    ? (cause as BusError)
    : new BusError('publish_refused', `${topic}: the bus refused the message: ${describe(cause)}`, { cause });

const describe = (cause: unknown): string => (cause instanceof Error ? cause.message : 'it threw what is no error');

const dropped = (error: BusError): PublishOutcome => ({ status: 'dropped', reason: error.code, error });

const full = (topic: string, messages: number, bytes: number): PublishOutcome =>
  dropped(
    new BusError(
      'outbox_full',
      `${topic}: ${messages} messages of ${bytes} bytes wait already; slow down, or raise outboxMaxMessages, outboxMaxBytes`,
    ),
  );

const notConnected = (topic: string): PublishOutcome =>
  dropped(
    new BusError('not_connected', `${topic}: no connection to the broker, and a QoS 0 message doesn't wait for one`),
  );

const stopped = (topic: string): PublishOutcome =>
  dropped(new BusError('stopped', `${topic}: the messenger was stopped; connect again to go on`));
