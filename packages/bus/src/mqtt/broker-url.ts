import { BusError } from '../bus-error.ts';

/** Where a broker is, and how this client logs in. */
export interface BrokerAddress {
  /** The transport below MQTT. */
  readonly over: 'tcp' | 'websocket';
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Of a WebSocket, with its query. */
  readonly path: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The URL for messages and logs, without user and password, path and query, which may hold a token. */
  readonly display: string;
}

interface Scheme {
  readonly name: 'mqtt' | 'mqtts' | 'ws' | 'wss';
  readonly over: BrokerAddress['over'];
  readonly secure: boolean;
  readonly port: number;
}

const plain: Scheme = { name: 'mqtt', over: 'tcp', secure: false, port: 1883 };
const secure: Scheme = { name: 'mqtts', over: 'tcp', secure: true, port: 8883 };

const schemes: Readonly<Record<string, Scheme>> = {
  'mqtt:': plain,
  'tcp:': plain,
  'mqtts:': secure,
  'ssl:': secure,
  'tls:': secure,
  'ws:': { name: 'ws', over: 'websocket', secure: false, port: 80 },
  'wss:': { name: 'wss', over: 'websocket', secure: true, port: 443 },
};

/**
 * Reads one URL, or several in the order of preference.
 * @throws BusError `url_invalid`
 */
export function parseBrokerUrls(urls: string | readonly string[]): readonly [BrokerAddress, ...BrokerAddress[]] {
  const [first, ...others] = (typeof urls === 'string' ? [urls] : urls).map(parseBrokerUrl);
  return first ? [first, ...others] : refuse('', 'there is none');
}

/**
 * Reads `mqtt://user:password@host:port`, `mqtts://…`, `ws://host:port/path` or `wss://…`; user and password are
 * percent-decoded.
 * @throws BusError `url_invalid`, whose message never holds the credentials
 */
export function parseBrokerUrl(text: string): BrokerAddress {
  // The error of `new URL` holds its whole input, so it is no `cause` here.
  const url = URL.canParse(text) ? new URL(text) : refuse(text, 'it is not a URL');
  const scheme = schemes[url.protocol] ?? refuse(text, 'it must begin with mqtt://, mqtts://, ws:// or wss://');
  if (url.hostname === '') refuse(text, 'it names no host');
  // What was meant as a password ends the host at its first "#", "/" or "?", and the user becomes the host.
  if (afterAuthority(text).includes('@')) refuse(text, 'it has an @ after its host; percent-encode user and password');
  if (url.hash !== '') refuse(text, 'it has a #; percent-encode user and password');
  const port = url.port === '' ? scheme.port : Number(url.port);
  return {
    over: scheme.over,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    secure: scheme.secure,
    path: `${url.pathname === '' ? '/' : url.pathname}${url.search}`,
    username: decode(text, url.username),
    password: decode(text, url.password),
    display: `${scheme.name}://${url.hostname}:${port}`,
  };
}

/** Path, query and fragment as they were written; a "\\" may end the host too. */
const afterAuthority = (text: string): string => text.replace(/^[^:]*:\/\/[^/?#\\]*/, '');

/**
 * Hides everything that could be a user or a password, in a text that may not even be a URL, and what follows the host,
 * which could be a token or the rest of a password.
 */
export function redactUrl(text: string): string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(text) ?? [];
  const host = rest.slice(rest.lastIndexOf('@') + 1).replace(/[/?#\\].*$/s, '');
  return `${scheme}${rest.includes('@') ? '***@' : ''}${host}`;
}

function decode(text: string, part: string): string | undefined {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    return refuse(text, 'its user or password is not percent-encoded well');
  }
}

function refuse(text: string, why: string): never {
  throw new BusError('url_invalid', `can't use the broker URL ${redactUrl(text)}: ${why}`);
}
