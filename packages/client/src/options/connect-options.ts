import type { Logger, Tracing } from '@setpoint/participant';
import type { TrustedKeys } from '@setpoint/protocol';
import type { z } from 'zod';
import type { MessagingOptions } from '../messaging/options.ts';
import type { BrokerOptions } from './broker-options.ts';
import type { PolicyOptions } from './policy.ts';

/** The options of `connect`. */
export interface ConnectOptions<Schema extends z.ZodType = z.ZodType> extends PolicyOptions, BrokerOptions {
  /** The name of the service: 1 to 63 of a–z, 0–9, "_" and "-". */
  readonly service: string;
  /** The zod schema of the documents; `current` has its output type. */
  readonly schema: Schema;
  /** The name of this process, unique among all. @default `<service>-<random>` */
  readonly instance?: string;
  /** The topic prefix of the environment. @default "" */
  readonly prefix?: string;
  /** The authority's name. @default "config-authority" */
  readonly authority?: string;
  /** The keys whose snapshots are accepted. Without them every snapshot of the broker is, and a warning is logged. */
  readonly trustedKeys?: TrustedKeys;
  /**
   * The folder that keeps the last good snapshot; `false` keeps none. @default ".setpoint" in the working directory; in a
   * browser, in `localStorage`
   */
  readonly cacheDir?: string | false;
  /**
   * What to do when neither the broker nor the disk has a snapshot: start on the schema's defaults (and fail if they make no
   * complete document), wait for a snapshot, or fail. @default "defaults"
   */
  readonly withoutSnapshot?: 'defaults' | 'wait' | 'fail';
  /** How long a start waits for a live snapshot before it takes something else. Milliseconds. @default 3000 */
  readonly startTimeoutMs?: number;
  /** How long one handler step, or the schema, may take. Milliseconds. @default 10000 */
  readonly applyTimeoutMs?: number;
  /** Bounds of the messages to other services. */
  readonly messaging?: MessagingOptions;
  /** @default pino on standard error, warnings and up; in a browser, its console */
  readonly logger?: Logger;
  /** `openTelemetry()` of `@setpoint/client/opentelemetry`. @default nothing is recorded, and traces pass through */
  readonly tracing?: Tracing;
  /** Ends the start when it aborts; has no effect afterwards. */
  readonly signal?: AbortSignal;
  /** Returns Unix time in milliseconds. @default Date.now */
  readonly now?: () => number;
}

/** The options of `connect` without a schema: messaging and health, and no configuration. */
export interface MessagingConnectOptions
  extends BrokerOptions,
    Pick<
      ConnectOptions,
      | 'service'
      | 'instance'
      | 'prefix'
      | 'authority'
      | 'startTimeoutMs'
      | 'messaging'
      | 'logger'
      | 'tracing'
      | 'signal'
      | 'now'
    > {
  readonly schema?: never;
}
