import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { describeError } from '../bus-error.ts';
import type { MqttTlsOptions, TlsFault } from './mqtt-options.ts';

interface TlsBroker {
  /** Undefined for a URL that can't be read. */
  readonly scheme: 'mqtt' | 'mqtts' | 'ws' | 'wss' | undefined;
  readonly tls?: MqttTlsOptions | undefined;
}

// These modules take ten milliseconds to load, so only users of TLS load them.
const load = process.getBuiltinModule;

const members = ['ca', 'cert', 'key', 'servername', 'alpn'] as const;

type Say = (option: string, message: string) => void;

/** Finds every fault in the TLS options for all brokers and in those beside each URL. */
export function findTlsFaults(brokers: readonly TlsBroker[], common: MqttTlsOptions | undefined): readonly TlsFault[] {
  const faults: TlsFault[] = [];
  const say: Say = (option, message) => faults.push({ option, message });
  const shared = checkMembers('tls', common, say);
  // Options beside a URL are checked together with the common ones that they inherit.
  checkPair('tls', common ?? {}, shared, say);
  for (const [index, { scheme, tls: own }] of brokers.entries()) {
    const place = `url/${index}/tls`;
    const fitting = checkMembers(place, own, say);
    if (hasPair(own)) checkPair(place, { ...common, ...own }, { ...shared, ...fitting }, say);
    if (isPlain(scheme) && hasAny(own)) say(place, 'is given, and its URL is plain text; write mqtts:// or wss://');
  }
  if (!hasAny(common)) return faults;
  const schemes = brokers.map(({ scheme }) => scheme);
  if (schemes.some(isPlain)) {
    say(
      'tls',
      'is given, and a URL is plain text; write mqtts:// or wss://, or give it beside its URL alone: { url, tls }',
    );
  } else if (shared.alpn && schemes.length > 0 && schemes.every((scheme) => scheme === 'wss')) {
    say('tls/alpn', 'is for mqtts://; to a wss:// offer it beside the URL: { url, tls: { alpn } }');
  }
  return faults;
}

const isPlain = (scheme: TlsBroker['scheme']): boolean => scheme === 'mqtt' || scheme === 'ws';

const hasAny = (options: MqttTlsOptions | undefined): boolean =>
  Object.values(options ?? {}).some((value) => value !== undefined);

const hasPair = (options: MqttTlsOptions | undefined): boolean =>
  options?.cert !== undefined || options?.key !== undefined;

/** Returns the options that are valid by themselves. */
function checkMembers(place: string, options: MqttTlsOptions | undefined, say: Say): MqttTlsOptions {
  if (options === undefined) return {};
  if (typeof options !== 'object' || options === null) {
    say(place, 'must be an object of options');
    return {};
  }
  const fitting: Record<string, unknown> = {};
  for (const name of members) {
    const value: unknown = options[name];
    if (value === undefined) continue;
    const fault = rules[name](value);
    if (fault === undefined) fitting[name] = value;
    else say(`${place}/${name}`, fault);
  }
  return fitting;
}

const rules: Readonly<Record<(typeof members)[number], (value: unknown) => string | undefined>> = {
  ca: faultOfCertificates,
  cert: faultOfCertificates,
  key: (value) => {
    const key = readKey(value);
    return typeof key === 'string' ? key : undefined;
  },
  servername: (value) => {
    const isHost =
      typeof value === 'string' && /^[a-z0-9_][a-z0-9_.-]{0,252}$/i.test(value) && load('node:net').isIP(value) === 0;
    return isHost ? undefined : 'must be the name of a host, and no address';
  },
  alpn: (value) => {
    const isList = Array.isArray(value) && value.length > 0 && value.every(isProtocol);
    return isList ? undefined : 'must be a list of protocol names of 1 to 255 bytes';
  },
};

const isProtocol = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255;

/** OpenSSL skips authorities that it can't read, and then trusts nobody. */
function faultOfCertificates(value: unknown): string | undefined {
  const text = textOf(value);
  const blocks = text?.match(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]*-----/g) ?? [];
  if (blocks.length === 0) return 'must be a certificate in PEM';
  const isRead = blocks.every((block) => readCertificate(block) !== undefined);
  return isRead ? undefined : "has a certificate that can't be read";
}

function readCertificate(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

/** Returns the key, or what is wrong with it. */
function readKey(value: unknown): KeyObject | string {
  const text = textOf(value);
  if (text === undefined || !/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) return 'must be a private key in PEM';
  if (/ENCRYPTED/.test(text)) return 'is encrypted; give it without a passphrase';
  try {
    return createPrivateKey(text);
  } catch {
    return "is a private key that can't be read";
  }
}

/** The last options are those of `given` that are valid by themselves. */
function checkPair(place: string, given: MqttTlsOptions, { ca, cert, key }: MqttTlsOptions, say: Say): void {
  if (!hasPair(given)) return;
  if (given.cert === undefined) return say(`${place}/key`, 'needs its certificate, cert');
  if (given.key === undefined) return say(`${place}/cert`, 'needs its private key, key');
  if (cert === undefined || key === undefined) return;
  const certificate = new X509Certificate(textOf(cert) ?? '');
  if (!certificate.checkPrivateKey(readKey(key) as KeyObject)) {
    return say(`${place}/key`, 'is not the key of the certificate in cert');
  }
  try {
    load('node:tls').createSecureContext({
      ...(ca !== undefined && { ca: textOf(ca) }),
      cert: textOf(cert),
      key: textOf(key),
    });
  } catch (cause) {
    say(place, `can't be used: ${describeError(cause)}`);
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : undefined;
}
