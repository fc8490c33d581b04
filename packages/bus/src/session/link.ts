import type { BusFault, BusMessage, MessageProperties, QoS } from '../bus.ts';

/**
 * What an adapter implements: one connection to one broker. It knows nothing of queues, deadlines or handlers;
 * `createLinkBus` adds those, the same for every adapter.
 */
export interface Link {
  /** Starts connecting, and goes on until `close`. Called once. */
  open(events: LinkEvents): void;

  /**
   * Sends a message; only called while connected. `done` is called when the broker has acknowledged it (QoS 1) or it
   * is written (QoS 0), with an error if the broker refused it. After a `lost` it need not be called.
   */
  publish(message: LinkMessage, done: (refused?: Error) => void): void;

  /**
   * Asks for a filter, always by a SUBSCRIBE of its own; only called while connected. `done` is called with the reason if
   * the broker refused it, else with `undefined`. After a `lost` it need not be called.
   */
  subscribe(filter: string, qos: QoS, done: (refused: string | undefined) => void): void;

  /** Only called while connected. After a `lost`, `done` need not be called. */
  unsubscribe(filter: string, done: () => void): void;

  /** Makes the broker send something; only called while connected. `done` is called when anything comes from it. */
  probe(done: () => void): void;

  /** Reports no further message until it is called with `false`; nothing is lost on a connection that stays. */
  holdBack(isHeld: boolean): void;

  /** Drops the connection as if it had been lost, and connects again. */
  drop(reason: string): void;

  /** Ends everything for good; nothing is reported any more. Resolves when no handle and no timer is left. */
  close(options: { readonly abrupt: boolean; readonly timeoutMs: number }): Promise<void>;
}

export interface LinkMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: MessageProperties | undefined;
}

/** What a link reports; `connecting`, `connected` and `lost` one after the other. */
export interface LinkEvents {
  /** `attempt` counts from 0 since the last connection; `reason` says why the attempt before failed. */
  connecting(attempt: number, reason?: string): void;
  connected(limits: SessionLimits): void;
  /** The connection is gone; a `connecting` follows. `blame`: the broker or the network ended it, not `drop`. */
  lost(blame: boolean): void;
  message(message: BusMessage): void;
  fault(fault: BusFault): void;
}

/** What the broker accepts on this connection. */
export interface SessionLimits {
  /** QoS 1 messages that may be unacknowledged at once. */
  readonly receiveMaximum: number;
  /** Bytes of one packet. */
  readonly maxPacketBytes: number;
}
