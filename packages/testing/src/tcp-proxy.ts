import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { SetpointError } from '@setpoint/protocol';
import { type Packet, parser } from 'mqtt-packet';
import { createLane, longestTimerMs } from './lane.ts';
import { isWithin } from './wrong-options.ts';

/** A wire between clients and a real broker that a test can spoil. */
export interface TcpProxy extends AsyncDisposable {
  /** What clients connect to. */
  readonly url: string;
  readonly port: number;
  /** How many clients have been let through since the beginning. */
  readonly accepted: number;
  /** Half-open: every connection stays, also a new one, and nothing moves in either direction. */
  freeze(): void;
  thaw(): void;
  /** Ends every connection there is, without a goodbye to either side. */
  cut(): void;
  /** The same by a TCP reset, as a router that has forgotten the connection does. */
  reset(): void;
  /**
   * Every byte, of every connection, takes this much longer in each direction. Milliseconds; 0: no longer.
   * @throws SetpointError `options_invalid` unless it is 0 to 2147483647
   */
  delay(ms: number): void;
  /**
   * So many bytes a second pass at most, in each direction of each connection; undefined: as many as there are.
   * @throws SetpointError `options_invalid` unless it is 1 or more; what lets nothing through is `freeze`
   */
  throttle(bytesPerSecond: number | undefined): void;
  /** Ends every new connection at once, until `accept`. Those there are stay. */
  refuse(): void;
  accept(): void;
  /** Loses each MQTT packet on its way from the broker to a client for which `lose` says so, until told otherwise. */
  dropToClients(lose: ((packet: Packet) => boolean) | undefined): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly broker: Socket;
}

/** What the wire does to what it carries. */
interface Wire {
  readonly lose: ((packet: Packet) => boolean) | undefined;
  readonly delayMs: number;
  readonly bytesPerSecond: number | undefined;
}

/**
 * Opens a proxy on a free port of 127.0.0.1 before the broker at `mqtt://…`.
 * @throws SetpointError `options_invalid` for any other URL
 */
export async function openTcpProxy(brokerUrl: string): Promise<TcpProxy> {
  const target = readTarget(brokerUrl);
  const pairs = new Set<Pair>();
  let accepted = 0;
  let isFrozen = false;
  let isRefusing = false;
  let spoiled: Wire = { lose: undefined, delayMs: 0, bytesPerSecond: undefined };

  const server = createServer({ noDelay: true }, (client) => {
    if (isRefusing) {
      client.resetAndDestroy();
      return;
    }
    accepted += 1;
    const broker = connect({ ...target, noDelay: true });
    const pair: Pair = { client, broker };
    pairs.add(pair);
    wire(pair, () => spoiled);
    client.on('end', () => isFrozen || broker.end());
    broker.on('end', () => isFrozen || client.end());
    for (const socket of [client, broker]) {
      socket.once('close', () => {
        // Neither does the end of one side reach the other through a frozen wire.
        if (!isFrozen) release(pair);
      });
    }
    if (isFrozen) hold(pair);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const release = (pair: Pair): void => {
    const { client, broker } = pair;
    client.resume();
    broker.resume();
    if (client.destroyed || broker.destroyed || client.readableEnded || broker.readableEnded) end(pair);
  };

  const end = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.destroy();
    pair.broker.destroy();
  };

  const cut = (): void => {
    for (const pair of pairs) end(pair);
  };

  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  };

  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    get accepted() {
      return accepted;
    },
    freeze: () => {
      isFrozen = true;
      for (const pair of pairs) hold(pair);
    },
    thaw: () => {
      isFrozen = false;
      for (const pair of pairs) release(pair);
    },
    cut,
    reset: () => {
      for (const { client, broker } of pairs) {
        client.resetAndDestroy();
        broker.resetAndDestroy();
      }
    },
    delay: (ms) => {
      if (!isWithin(ms, 0, longestTimerMs)) {
        throw wrong(`delay takes 0 to ${longestTimerMs} milliseconds, and was given ${String(ms)}`);
      }
      spoiled = { ...spoiled, delayMs: ms };
    },
    throttle: (bytesPerSecond) => {
      if (bytesPerSecond !== undefined && !isWithin(bytesPerSecond, 1, Number.MAX_VALUE)) {
        const takes = 'throttle takes 1 or more bytes a second, or undefined for no limit';
        throw wrong(`${takes}, and was given ${String(bytesPerSecond)}; freeze() stops all`);
      }
      spoiled = { ...spoiled, bytesPerSecond };
    },
    refuse: () => {
      isRefusing = true;
    },
    accept: () => {
      isRefusing = false;
    },
    dropToClients: (lose) => {
      spoiled = { ...spoiled, lose };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const wrong = (message: string): SetpointError => new SetpointError('options_invalid', message);

const encrypted = ['mqtts:', 'wss:', 'ssl:', 'tls:'];

/** Where the broker listens. Refused is what MQTT packets can't be seen in. */
function readTarget(brokerUrl: string): { readonly host: string; readonly port: number } {
  const url = URL.parse(brokerUrl);
  const refuse = (why: string): SetpointError => {
    const shown = brokerUrl.replace(/\/\/[^/]*@/, '//');
    return wrong(`${shown}: a TCP proxy stands before a broker at mqtt://host:port; ${why}`);
  };
  if (!url) throw refuse('this is no URL');
  if (encrypted.includes(url.protocol)) throw refuse('through TLS it can not see packets');
  if (url.protocol !== 'mqtt:') throw refuse(`this is ${url.protocol}`);
  if (url.hostname === '') throw refuse('there is no host');
  // A URL has an IPv6 address in brackets, a socket has not.
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || 1883) };
}

function hold({ client, broker }: Pair): void {
  client.pause();
  broker.pause();
}

function wire({ client, broker }: Pair, spoiled: () => Wire): void {
  let protocolVersion = 4;
  const toBroker = createPipe(broker, spoiled);
  const toClient = createPipe(client, spoiled);
  const fromClient = splitPackets((bytes) => {
    const packet = parse(bytes, protocolVersion);
    if (packet?.cmd === 'connect') protocolVersion = packet.protocolVersion ?? 4;
    toBroker(bytes);
  });
  const fromBroker = splitPackets((bytes) => {
    const { lose } = spoiled();
    const packet = lose && parse(bytes, protocolVersion);
    if (packet && lose?.(packet)) return;
    toClient(bytes);
  });
  client.on('data', fromClient);
  broker.on('data', fromBroker);
  // An error is followed by a close.
  for (const socket of [client, broker]) socket.on('error', () => {});
}

/** Writes in order, each piece when its time has come; at once on a wire that is not spoiled. */
function createPipe(socket: Socket, spoiled: () => Wire): (bytes: Buffer) => void {
  const lane = createLane();
  let freeAtMs = 0;
  const write = (bytes: Buffer): void => {
    if (socket.writable) socket.write(bytes);
  };
  return (bytes) => {
    const { delayMs, bytesPerSecond } = spoiled();
    const nowMs = performance.now();
    const takesMs = bytesPerSecond === undefined ? 0 : (bytes.length / bytesPerSecond) * 1000;
    const dueMs = Math.max(freeAtMs, nowMs + delayMs) + takesMs;
    freeAtMs = dueMs;
    lane.carry(dueMs - nowMs, () => write(bytes));
  };
}

/** Calls `whole` with each packet's exact bytes, however they were cut up on the way. */
function splitPackets(whole: (bytes: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let length = packetLength(rest); length !== undefined && length <= rest.length; length = packetLength(rest)) {
      const bytes = rest.subarray(0, length);
      rest = rest.subarray(length);
      whole(bytes);
    }
  };
}

// [MQTT-2.2.3] One byte of header, then the remaining length in one to four bytes of seven bits each.
function packetLength(bytes: Buffer): number | undefined {
  let remaining = 0;
  for (let index = 1; index <= 4; index += 1) {
    const byte = bytes[index];
    if (byte === undefined) return undefined;
    remaining += (byte & 0x7f) << (7 * (index - 1));
    if ((byte & 0x80) === 0) return 1 + index + remaining;
  }
  throw new Error('this is not MQTT: a remaining length of more than four bytes');
}

function parse(bytes: Buffer, protocolVersion: number): Packet | undefined {
  let found: Packet | undefined;
  const reader = parser({ protocolVersion } as Parameters<typeof parser>[0]);
  reader.on('packet', (packet) => {
    found = packet;
  });
  reader.on('error', () => {});
  reader.parse(bytes);
  return found;
}
