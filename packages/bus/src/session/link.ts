import type { BusFault, BusMessage, MessageProperties, QoS } from '../bus.ts';

/**
 * What an adapter has to know: how to keep one connection to one broker, and nothing of outboxes, deadlines or which
 * handler wants what. `LinkBus` makes a bus of it, the same one for every adapter.
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
   * Asks for a filter, always by a SUBSCRIBE of its own; only called while connected. `done` is told why the broker
   * refused it, or `undefined`. After a `lost` it need not be called.
   */
  subscribe(filter: string, qos: QoS, done: (refused: string | undefined) => void): void;

  /** Only called while connected. After a `lost`, `done` need not be called. */
  unsubscribe(filter: string, done: () => void): void;

  /** Makes the broker say something; only called while connected. `done` is called at whatever comes from it next. */
  probe(done: () => void): void;

  /** Tells of no further message until it is called with `false`; nothing is lost on a connection that stays. */
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

/** What a link tells, one `connecting`, `connected` or `lost` after the other. */
export interface LinkEvents {
  /** `attempt` counts from 0 since the last connection; `reason` says why the attempt before failed. */
  connecting(attempt: number, reason?: string): void;
  connected(limits: SessionLimits): void;
  /** The connection is gone; a `connecting` follows. `blame`: the broker or the network ended it, not `drop`. */
  lost(blame: boolean): void;
  message(message: BusMessage): void;
  fault(fault: BusFault): void;
}

/** What the broker takes on this connection. */
export interface SessionLimits {
  /** QoS 1 messages that may be unacknowledged at once. */
  readonly receiveMaximum: number;
  /** Of one packet. */
  readonly maxPacketBytes: number;
}
