import type { BrokerHarness } from '@setpoint/test-support/brokers/brokers';
import { freePort } from '@setpoint/test-support/free-port';
import { openWorld, type World, type WorldOptions } from '@setpoint/test-support/world';
import { pino } from 'pino';
import { type Identify, identifyByName } from '../src/http/caller.ts';
import { type HttpOptions, type HttpServer, startHttpServer } from '../src/http/server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON, where it is some. */
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for.
  readonly json: any;
}

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is; anything else as JSON. */
  readonly body?: unknown;
  /** Of the body. @default "application/json" */
  readonly type?: string;
}

/** A world whose authority is asked over HTTP. */
export interface ServedApi extends AsyncDisposable {
  readonly world: World;
  readonly server: HttpServer;
  /** Up to `/api/v1`. */
  readonly url: string;
  /** Asks `path`, below `/api/v1`. */
  ask(method: string, path: string, asked?: Asked): Promise<Answer>;
}

export interface ServedApiOptions extends WorldOptions, Partial<Omit<HttpOptions, 'port' | 'readiness'>> {
  readonly identify?: Identify;
  /** Before the authority starts: for more files. */
  readonly prepare?: (world: World) => Promise<void>;
}

/** Nobody is held back. */
const noLimits = { read: 1e9, write: 1e9, export: 1e9 };

export async function openServedApi(broker: BrokerHarness, options: ServedApiOptions = {}): Promise<ServedApi> {
  const { identify = identifyByName, prepare, host = '127.0.0.1', limits = noLimits, heartbeatMs = 15_000 } = options;
  const world = await openWorld(broker, { ...options, withAuthority: false });
  await prepare?.(world);
  await world.startAuthority();
  const { maxBodyBytes = 1_048_576, logger = pino({ level: 'silent' }) } = options;
  const server = await startHttpServer({
    host,
    port: await freePort(),
    readiness: () => world.authority.readiness(),
    identify,
    logger,
    maxBodyBytes,
    limits,
    heartbeatMs,
  });
  server.serve(world.authority);
  const url = `${server.url}/api/v1`;
  return {
    world,
    server,
    url,
    ask: (method, path, asked) => askUrl(method, `${url}${path}`, asked),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await world[Symbol.asyncDispose]();
    },
  };
}

async function askUrl(method: string, url: string, { headers = {}, body, type }: Asked = {}): Promise<Answer> {
  const hasBody = body !== undefined || type !== undefined;
  const response = await fetch(url, {
    method,
    headers: { ...(hasBody && { 'content-type': type ?? 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}
