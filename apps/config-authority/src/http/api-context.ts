import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine } from '@setpoint/engine';
import type { Result } from '@setpoint/protocol';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { InstanceView } from '../instances/instance-view.ts';
import type { TracedRequests } from '../requests/traced-requests.ts';
import type { Caller } from './caller.ts';
import type { EventLog } from './event-log.ts';
import type { Budget } from './rate-limits.ts';

/** The part of an authority that the API serves. */
export interface ApiAuthority extends Pick<TracedRequests, 'perform'> {
  /** Operations that concern every service are addressed to this name. */
  readonly id: string;
  readonly engine: Engine;
  readonly instances: InstanceView;
  /** Reads the files of a service again. */
  reload(service: string): Promise<Result>;
}

export interface ServedAuthority extends ApiAuthority {}

/** What every route gets. */
export interface ApiContext {
  /** @throws HttpRefusal `not_serving` while the authority is starting */
  authority(): ServedAuthority;
  readonly events: EventLog;
  /** Time between two comments on an idle event stream. Milliseconds. */
  readonly heartbeatMs: number;
}

export type ApiScope = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** Whether the route needs the right to change. */
    writes?: boolean;
    /** Whether the route concerns every service: not for keys that are limited to some. */
    isForAll?: boolean;
    /** @default "read", and "write" for routes that write */
    budget?: Budget;
    /** Content types that the body may have; undefined when there is no body. */
    consumes?: readonly string[];
  }
}
