import { SetpointError } from './problem.ts';

/** Matches the names of services, instances and operators. No dots: NATS and RabbitMQ translate them. */
export const namePattern: RegExp = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export const isName = (text: string): boolean => namePattern.test(text);

/** @throws SetpointError `name_invalid` */
export function parseName(text: string, what: string): string {
  if (isName(text)) return text;
  throw new SetpointError(
    'name_invalid',
    `"${text}" is not a name for ${what}: use 1 to 63 of a–z, 0–9, "_" and "-", starting with a letter or digit`,
  );
}

/** What a topic is about. */
export type Address =
  | { readonly kind: 'snapshot' | 'request' | 'convergence'; readonly service: string }
  | { readonly kind: 'contract'; readonly service: string; readonly digest: string }
  | { readonly kind: 'result'; readonly service: string; readonly requester: string }
  | { readonly kind: 'health' | 'keepalive'; readonly id: string };

/** Builds and parses every topic of one environment. */
export interface Topics {
  /** QoS 1, retained; an empty payload says that the service is deleted. */
  snapshot(service: string): string;
  /** QoS 1, retained. `digest` is `sha256:<hex>`; the topic carries the hex alone. */
  contract(service: string, digest: string): string;
  /** QoS 1. */
  request(service: string): string;
  /** QoS 1. */
  result(service: string, requester: string): string;
  /** QoS 1, retained. */
  convergence(service: string): string;
  /** QoS 1, retained; the Last Will is on it too. */
  health(id: string): string;
  /** QoS 0. */
  keepalive(id: string): string;
  /** Says what a topic is about; undefined where it is none of ours. */
  parse(topic: string): Address | undefined;
}

/** One level in place of a name, in a subscription. */
export const anyName = '+';

const prefixPattern = /^[a-z0-9][a-z0-9_-]{0,62}(\/[a-z0-9][a-z0-9_-]{0,62}){0,2}$/;

/**
 * The topics below `prefix` ("" or names joined by "/", at most three of them, as AWS IoT allows seven slashes).
 * Every name is checked, so that none becomes a wildcard; `anyName` is the one exception.
 * @throws SetpointError `name_invalid`
 * @see docs/protocol.md#2-topics
 */
export function createTopics(prefix = ''): Topics {
  if (prefix !== '' && !prefixPattern.test(prefix)) {
    throw new SetpointError('name_invalid', `"${prefix}" is not a prefix: use up to three names joined by "/"`);
  }
  const root = prefix === '' ? '' : `${prefix}/`;
  const name = (text: string, what: string): string => (text === anyName ? text : parseName(text, what));
  const config = (service: string, kind: string): string => `${root}config/${name(service, 'a service')}/${kind}`;

  return {
    snapshot: (service) => config(service, 'snapshot'),
    contract: (service, digest) => config(service, `contract/${digest === anyName ? digest : contractLevel(digest)}`),
    request: (service) => config(service, 'request'),
    result: (service, requester) => config(service, `result/${name(requester, 'a requester')}`),
    convergence: (service) => config(service, 'convergence'),
    health: (id) => `${root}system/health/${name(id, 'an instance')}`,
    keepalive: (id) => `${root}system/keepalive/${name(id, 'an instance')}`,
    parse: (topic) => (topic.startsWith(root) ? parseLevels(topic.slice(root.length).split('/')) : undefined),
  };
}

const contractPattern = /^[0-9a-f]{64}$/;

function contractLevel(digest: string): string {
  const hex = digest.replace(/^sha256:/, '');
  if (!contractPattern.test(hex)) throw new SetpointError('name_invalid', `"${digest}" is not a SHA-256 digest`);
  return hex;
}

function parseLevels(levels: readonly string[]): Address | undefined {
  return levels[0] === 'config' ? parseConfig(levels) : levels[0] === 'system' ? parseSystem(levels) : undefined;
}

function parseSystem([, kind, id, ...rest]: readonly string[]): Address | undefined {
  if (rest.length > 0 || id === undefined || !isName(id)) return undefined;
  return kind === 'health' || kind === 'keepalive' ? { kind, id } : undefined;
}

function parseConfig([, service, kind, last, ...rest]: readonly string[]): Address | undefined {
  if (rest.length > 0 || service === undefined || !isName(service)) return undefined;
  if (last === undefined) {
    return kind === 'snapshot' || kind === 'request' || kind === 'convergence' ? { kind, service } : undefined;
  }
  if (kind === 'contract' && contractPattern.test(last)) return { kind, service, digest: `sha256:${last}` };
  if (kind === 'result' && isName(last)) return { kind, service, requester: last };
  return undefined;
}

/** The MQTT client id of a process: environments that share a broker may have processes of one name. */
export const clientIdOf = (prefix: string, id: string): string =>
  [...prefix.split('/'), id].filter((part) => part !== '').join('-');
