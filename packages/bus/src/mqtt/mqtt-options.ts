import type { BusOptions } from '../bus.ts';

export interface MqttBusOptions extends BusOptions {
  /**
   * `mqtt://host:1883`, `mqtts://host:8883`, `ws://host:80/path` or `wss://host:443/path`; user and password may stand in
   * it, percent-encoded. Several are tried in their order. A connection that works is kept, whichever it is to; when one
   * that held for ten seconds is lost, the first is tried first again.
   */
  readonly url: string | readonly (string | BrokerUrl)[];
  /** Must differ from every other client's at this broker: two clients of one id disconnect each other. */
  readonly clientId: string;
  /** Takes precedence over the one in `url`. */
  readonly username?: string;
  /** Takes precedence over the one in `url`. */
  readonly password?: string;
  /** For all brokers, each of which is then `mqtts://` or `wss://`. */
  readonly tls?: MqttTlsOptions;
  /** A dead peer is noticed after one and a half times this. Seconds. @default 15 */
  readonly keepaliveSeconds?: number;
  /** From opening the socket to the broker's CONNACK. Milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
  /**
   * Ceiling of the second attempt's delay after a loss; doubled by every further one. With several URLs, by every round
   * through them. Milliseconds. @default 500
   */
  readonly reconnectMinDelayMs?: number;
  /** Milliseconds. @default 5000 */
  readonly reconnectMaxDelayMs?: number;
  /** 5 or 4 (MQTT 3.1.1). @default 5 first, then 4 for good if the broker doesn't know 5 */
  readonly protocolVersion?: 4 | 5;
  /** From 0 to 1, for the jitter between attempts. @default Math.random */
  readonly random?: () => number;
}

/** One broker of several. */
export interface BrokerUrl {
  readonly url: string;
  /** Takes precedence over the TLS options for all brokers. */
  readonly tls?: MqttTlsOptions;
}

/** PEM texts. */
export interface MqttTlsOptions {
  /** The authorities to trust instead of the well-known ones. */
  readonly ca?: string | Uint8Array;
  /** This client's certificate, with `key`. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name that the broker's certificate must have. @default the host of `url` */
  readonly servername?: string;
  /**
   * Protocols to offer, most wanted first, for a broker behind a port that serves several. As an option for all brokers it
   * applies to `mqtts://` only, because a `wss://` broker speaks HTTP first.
   */
  readonly alpn?: readonly string[];
}

/** A TLS option that can't be right. The message holds no value. */
export interface TlsFault {
  /** Its place in the options: `tls`, `tls/ca`, `url/1/tls/alpn`. */
  readonly option: string;
  readonly message: string;
}
