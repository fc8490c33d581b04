import { backoffDelayMs } from './backoff.ts';
import type { BusOptions, QoS } from './bus.ts';
import type { Link, LinkEvents, LinkMessage } from './link.ts';
import type { BrokerSession, MemoryRouter } from './memory-router.ts';
import { makeLastWill } from './options.ts';
import { ShortSessions } from './short-sessions.ts';

// No herd to spread; only two clients of one id have to be kept from throwing each other out without a pause.
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
      (session) => this.#router.publish(session, message),
      (reason) =>
        // [MQTT 3.3.4] QoS 0 has no answer, so nobody hears that it was refused.
        done(reason === undefined || message.qos === 0 ? undefined : new Error(reason)),
    );
  }

  subscribe(filter: string, qos: QoS, done: (refused: string | undefined) => void): void {
    this.#send((session) => this.#router.subscribe(session, filter, qos), done);
  }

  unsubscribe(filter: string, done: () => void): void {
    this.#send(({ filters }) => filters.delete(filter), done);
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

  #newSession(): BrokerSession {
    const session: BrokerSession = {
      clientId: this.#clientId,
      will: makeLastWill(this.#options.will, (fault) => this.#events?.fault(fault)),
      filters: new Map(),
      deliver: (message) => {
        setImmediate(() => {
          if (this.#session === session) this.#events?.message(message);
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
    const events = this.#events;
    if (!events) return;
    const durationMs = performance.now() - this.#connectedAtMs;
    const hint = blame && this.#router.isRunning ? this.#shortSessions.ended(durationMs) : '';
    events.fault({ kind: 'connection_lost', message: `connection lost: ${reason}${hint}` });
    events.lost(blame);
    // A connection that held for a while makes this loss a first one.
    if (durationMs >= 10_000) this.#failures = 0;
    events.connecting(0, reason);
    this.#retryTimer = setTimeout(
      () => this.#attemptNow(),
      backoffDelayMs(this.#failures, Math.random(), inProcessDelays),
    );
  }

  /** To the broker in one step of the loop, its answer back in a later one. */
  #send<Answer>(act: (session: BrokerSession) => Answer, done: (answer: Answer) => void): void {
    const session = this.#session;
    setImmediate(() => {
      if (!session || this.#session !== session || !this.#router.has(session)) return;
      const answer = act(session);
      setImmediate(() => {
        if (this.#session === session) done(answer);
      });
    });
  }
}
