import type { Bus } from '@setpoint/bus';
import type { Health } from '@setpoint/protocol';
import type { z } from 'zod';
import type { LiveDocument } from './configuration/live-document.ts';
import type { Messenger } from './messaging/messenger.ts';
import type { ConnectOptions } from './options/connect-options.ts';

/** What every connection of a process to the bus has, with or without a configuration. */
export interface ParticipantConnection extends AsyncDisposable {
  /** The name of this process. */
  readonly instance: string;
  /** Messages between services, on the same connection. */
  readonly messenger: Messenger;
  /** The bus itself, for what the messenger does not do. Over MQTT, its `client` is the MQTT.js client. */
  readonly bus: Bus;
  /** What this process reports about itself. */
  health(): Health;
  /** Finishes the change under way, reports `shutdown` and disconnects. May be called twice. */
  stop(): Promise<void>;
}

/** The configuration of a service, kept up to date for as long as the connection is open. */
export interface Connection<T> extends LiveDocument<T>, ParticipantConnection {
  /**
   * Opens another document on the same connection, as an instance of its own with its own health report. Options that it
   * does not set are those of `connect`. It stops with this connection, or before.
   * @throws SetpointError as `connect`
   * @example
   * await using lamp = await config.open({ service: 'lamp', schema: lampSchema });
   */
  open<Schema extends z.ZodType>(options: OpenOptions<Schema>): Promise<Connection<z.output<Schema>>>;
  /** A summary without any value of the document, so that logging a connection leaks nothing. */
  toJSON(): ConnectionSummary;
}

/** A connection as JSON. */
export interface ConnectionSummary extends Pick<LiveDocument<unknown>, 'state' | 'providerState' | 'stamp'> {
  readonly instance: string;
  readonly service: string;
}

/** What an additional document sets itself; all else is as in `connect`. Its instance is `<instance>-<service>` by default. */
export type OpenOptions<Schema extends z.ZodType = z.ZodType> = Pick<
  ConnectOptions<Schema>,
  'service' | 'schema' | 'boot' | 'staleness' | 'overrides' | 'signal'
> &
  Partial<Pick<ConnectOptions, 'instance' | 'withoutSnapshot' | 'startTimeoutMs' | 'applyTimeoutMs'>>;
