import { BusError } from './bus.ts';

/** Where a broker is, and who we are to it. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The URL for messages and logs, without user and password. */
  readonly display: string;
}

const secureByScheme: Readonly<Record<string, boolean>> = {
  'mqtt:': false,
  'tcp:': false,
  'mqtts:': true,
  'ssl:': true,
  'tls:': true,
};

/**
 * Reads `mqtt://user:password@host:port` and `mqtts://…`; user and password are percent-decoded.
 * @throws BusError `url_invalid`, whose message never holds the credentials
 */
export function parseBrokerUrl(text: string): BrokerAddress {
  // The error of `new URL` holds its whole input, so it is no `cause` here.
  const url = URL.canParse(text) ? new URL(text) : refuse(text, 'it is not a URL');
  const secure = secureByScheme[url.protocol] ?? refuse(text, 'it must begin with mqtt:// or mqtts://');
  if (url.hostname === '') refuse(text, 'it names no host');
  const port = url.port === '' ? (secure ? 8883 : 1883) : Number(url.port);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    secure,
    username: decode(text, url.username),
    password: decode(text, url.password),
    display: `${secure ? 'mqtts' : 'mqtt'}://${url.hostname}:${port}`,
  };
}

/** Hides everything that could be a user or a password, in a text that may not even be a URL. */
export function redactUrl(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@');
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
