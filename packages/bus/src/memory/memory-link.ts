import type { BusMessage, BusOptions, QoS } from '../bus.ts';
import { backoffDelayMs } from '../session/backoff.ts';
import type { Link, LinkEvents, LinkMessage } from '../session/link.ts';
import { makeLastWill } from '../session/options.ts';
import { ShortSessions } from '../session/short-sessions.ts';
import type { BrokerSession, MemoryPacket, MemoryRouter } from './memory-router.ts';

const nothing: Uint8Array = new Uint8Array();

// There is no herd to spread; the delay only keeps two clients of one id from disconnecting each other without a pause.
const inProcessDelays = { minDelayMs: 10, maxDelayMs: 200 };

/**
 * One client's connection to a broker in this process. Both directions are asynchronous and keep their order, as on a
 * wire: what was written when the connection ends may or may not have arrived.
 */
export class MemoryLink implements Link {
  readonly #router: MemoryRouter;
  readonly #clientId: string;
  readonly #options: BusOptions;
  readonly #shortSessions = new ShortSessions();
  #events: LinkEvents | undefined;
  #session: BrokerSession | undefined;
  #connectedAtMs = 0;
  #attempt = 0;
  #failures = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #stopWaiting: (() => void) | undefined;
  #isHeldBack = false;
  #held: BusMessage[] = [];

  constructor(router: MemoryRouter, clientId: string, options: BusOptions) {
    this.#router = router;
    this.#clientId = clientId;
    this.#options = options;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    events.connecting(0);
    setImmediate(() => this.#attemptNow());
  }

  publish(message: LinkMessage, done: (refused?: Error) => void): void {
    this.#send(
      { kind: 'publish', ...message },
      (session, payload) => this.#router.publish(session, { ...message, payload }),
      (reason) =>
        // [MQTT 3.3.4] QoS 0 has no answer, so nobody hears that it was refused.
        done(reason === undefined || message.qos === 0 ? undefined : new Error(reason)),
    );
  }

  subscribe(filter: string, qos: QoS, done: (refused: string | undefined) => void): void {
    const packet = { kind: 'subscribe', topic: filter, payload: nothing, qos: 1, retain: false } as const;
    this.#send<string | undefined>(packet, (session) => this.#router.subscribe(session, filter, qos), done);
  }

  unsubscribe(filter: string, done: () => void): void {
    const packet = { kind: 'unsubscribe', topic: filter, payload: nothing, qos: 1, retain: false } as const;
    this.#send(packet, ({ filters }) => filters.delete(filter), done);
  }

  probe(done: () => void): void {
    const packet = { kind: 'ping', topic: '', payload: nothing, qos: 1, retain: false } as const;
    this.#send(packet, () => undefined, done);
  }

  holdBack(isHeld: boolean): void {
    this.#isHeldBack = isHeld;
    while (!this.#isHeldBack) {
      const next = this.#held.shift();
      if (!next) return;
      this.#events?.message(next);
    }
  }

  drop(reason: string): void {
    const session = this.#session;
    if (!session) return;
    this.#router.leave(session, false);
    this.#lost(reason, false);
  }

  async close({ abrupt }: { abrupt: boolean }): Promise<void> {
    const session = this.#session;
    this.#events = undefined;
    this.#session = undefined;
    clearTimeout(this.#retryTimer);
    this.#stopWaiting?.();
    if (session) this.#router.leave(session, !abrupt);
  }

  #attemptNow(): void {
    const events = this.#events;
    if (!events) return;
    this.#failures += 1;
    if (!this.#router.isRunning) {
      this.#waitForBroker(events);
      return;
    }
    if (!this.#router.network.admits(this.#clientId)) {
      this.#knockAgain(events);
      return;
    }
    const session = this.#newSession();
    this.#session = session;
    this.#router.connect(session);
    this.#connectedAtMs = performance.now();
    this.#attempt = 0;
    events.connected({ receiveMaximum: this.#router.receiveMaximum, maxPacketBytes: Number.POSITIVE_INFINITY });
  }

  // A real client would knock again and again; here the door says when it opens.
  #waitForBroker(events: LinkEvents): void {
    this.#attempt += 1;
    const reason = 'the broker is stopped';
    if (this.#attempt === 1) events.fault({ kind: 'connection_refused', message: `can't connect: ${reason}` });
    this.#stopWaiting = this.#router.onceStarted(() => setImmediate(() => this.#attemptNow()));
    events.connecting(this.#attempt, reason);
  }

  #knockAgain(events: LinkEvents): void {
    this.#attempt += 1;
    const reason = 'the broker is not reached';
    if (this.#attempt === 1) events.fault({ kind: 'connection_refused', message: `can't connect: ${reason}` });
    this.#attemptLater();
    events.connecting(this.#attempt, reason);
  }

  #attemptLater(): void {
    this.#retryTimer = setTimeout(
      () => this.#attemptNow(),
      backoffDelayMs(this.#failures, Math.random(), inProcessDelays),
    );
  }

  #newSession(): BrokerSession {
    const session: BrokerSession = {
      clientId: this.#clientId,
      will: makeLastWill(this.#options.will, (fault) => this.#events?.fault(fault)),
      filters: new Map(),
      deliver: (message) => {
        setImmediate(() => {
          if (this.#session !== session) return;
          if (this.#isHeldBack) this.#held.push(message);
          else this.#events?.message(message);
        });
      },
      closed: (reason) => {
        setImmediate(() => {
          if (this.#session === session) this.#lost(reason, true);
        });
      },
    };
    return session;
  }

  #lost(reason: string, blame: boolean): void {
    this.#session = undefined;
    this.#held = [];
    const events = this.#events;
    if (!events) return;
    const durationMs = performance.now() - this.#connectedAtMs;
    const hint = blame && this.#router.isRunning ? this.#shortSessions.ended(durationMs) : '';
    events.fault({ kind: 'connection_lost', message: `connection lost: ${reason}${hint}` });
    events.lost(blame);
    // A connection that held for a while makes this loss a first one.
    if (durationMs >= 10_000) this.#failures = 0;
    events.connecting(0, reason);
    this.#attemptLater();
  }

  /** To the broker in one step of the loop, its answer back in a later one. */
  #send<Answer>(
    packet: Omit<MemoryPacket, 'clientId' | 'to'>,
    act: (session: BrokerSession, payload: Uint8Array) => Answer,
    done: (answer: Answer | undefined) => void,
  ): void {
    const session = this.#session;
    const { network } = this.#router;
    const clientId = this.#clientId;
    let isPassed = false;
    let isAnswered = false;
    const answer = (given: Answer | undefined): void => {
      if (this.#session !== session || isAnswered) return;
      isAnswered = true;
      done(given);
    };
    // What a good network carries is counted as passed before the broker has it.
    const { topic, kind, payload, qos, retain } = packet;
    network.carry({ clientId, to: 'broker', kind, topic, payload, qos, retain }, (carried = payload) => {
      isPassed = true;
      setImmediate(() => {
        if (!session || this.#session !== session || !this.#router.has(session)) return;
        const given = act(session, carried);
        const reply = { clientId, to: 'client', kind: 'answer', topic, payload: nothing, qos, retain: false } as const;
        network.carry(reply, () => setImmediate(() => answer(given)));
      });
    });
    // [MQTT 4.3.1] QoS 0 has no answer: it is done when it is written, wherever it is then.
    if (!isPassed && qos === 0) setImmediate(() => answer(undefined));
  }
}
