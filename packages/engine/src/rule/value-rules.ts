import { isEqualJson, isJsonObject, type JsonValue, mask } from '@setpoint/protocol';
import { isUnit, readQuantity } from './quantity.ts';
import type { Level, RuleContext, Severity } from './rule.ts';
import type { Kind, Spot } from './walk-values.ts';

/** A rule that looks at one value at a time; all of them share one walk through the document. */
export interface ValueRule {
  readonly id: string;
  readonly level: Level;
  readonly severity: Severity;
  /** No value is repeated: a secret may stand at a place that nobody marked. */
  readonly message: string;
  /** The kind of values that it is asked about. */
  readonly of: Kind | 'any';
  /** Only values under such a name. */
  readonly name?: RegExp;
  /** Only where the schema uses this keyword at all. */
  readonly annotation?: string;
  /** Only in this environment. */
  readonly environment?: string;
  isBroken(spot: Spot, context: RuleContext): boolean;
}

const textOf = ({ value }: Spot): string => (typeof value === 'string' ? value : '');

/** What the schema says about the value, by any of its parts. */
const says = ({ parts }: Spot, keyword: string): JsonValue | undefined =>
  parts.find((part) => part[keyword] !== undefined)?.[keyword];

const isUnmarked = (spot: Spot, { isSecret }: RuleContext): boolean => !isSecret(spot.pointer());

/** password, apiKey, HF_TOKEN; not tokenUrl, passwordFile or maxTokens. */
const namesSecret = /(^|[a-z_-])(pass(word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credentials?)$/i;
const jwt = /^eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*$/;
const knownByAll = new Set(
  'admin changeme change-me guest letmein pass passw0rd password qwerty root toor 12345 123456 12345678'.split(' '),
);
const credentialsInUrl = /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i;
const httpCredentials = /^http:\/\/[^/\s:@]*:[^/\s@]+@/i;
const anyAddress = new Set(['0.0.0.0', '::', '[::]']);
const variable = /\$\{(ref:[^}]*|[A-Z_][A-Z0-9_]*(:[^}]*)?)\}/;
const localAddress = /^([a-z][a-z0-9+.-]*:\/\/([^/\s@]*@)?)?(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)(:\d+)?(\/|$)/i;
const homePath = /^(~\/|\/home\/[^/]+|\/Users\/[^/]+|\/root(\/|$)|[A-Z]:\\Users\\)/;
const namesDuration = /(timeout|interval)(_?(ms|millis|milliseconds|s|secs?|seconds|mins?|minutes|h|hours))?$/i;
const maxPlainItems = 1000;

export const valueRules: readonly ValueRule[] = [
  {
    id: 'security/private-key',
    level: 'security',
    severity: 'warning',
    message: 'holds a private key at a place that the schema does not mark x-secret: everybody who reads sees it',
    of: 'text',
    isBroken: (spot, context) =>
      textOf(spot).includes('-----BEGIN ') &&
      /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(textOf(spot)) &&
      isUnmarked(spot, context),
  },
  {
    id: 'security/unmarked-secret',
    level: 'security',
    severity: 'warning',
    message: 'looks like a secret at a place that the schema does not mark x-secret: everybody who reads sees it',
    of: 'text',
    isBroken: (spot, context) =>
      textOf(spot).length >= 16 &&
      (jwt.test(textOf(spot)) || (namesSecret.test(spot.name) && isRandom(textOf(spot)))) &&
      isUnmarked(spot, context),
  },
  {
    id: 'security/default-credentials',
    level: 'security',
    severity: 'warning',
    message: 'is a password that everybody knows; choose another',
    of: 'text',
    name: namesSecret,
    isBroken: (spot) => knownByAll.has(textOf(spot).toLowerCase()),
  },
  {
    id: 'security/redacted',
    level: 'security',
    severity: 'error',
    message:
      'is the marker that stands for a secret, and no secret; write the secret, or import the text, which keeps it',
    of: 'text',
    isBroken: (spot, { isSecret }) => textOf(spot) === mask && isSecret(spot.pointer()),
  },
  {
    id: 'security/plain-http-credentials',
    level: 'security',
    severity: 'warning',
    message: 'sends a password over http://, readable on the way; use https://',
    of: 'text',
    isBroken: (spot) => httpCredentials.test(textOf(spot)),
  },
  {
    id: 'security/credentials-in-url',
    level: 'security',
    severity: 'warning',
    message: 'holds a password in a URL at a place that the schema does not mark x-secret',
    of: 'text',
    isBroken: (spot, context) => credentialsInUrl.test(textOf(spot)) && isUnmarked(spot, context),
  },
  {
    id: 'security/debug-on-all-interfaces',
    level: 'security',
    severity: 'warning',
    message: 'listens on every interface with debug switched on: whoever reaches the machine reaches it',
    of: 'section',
    isBroken: ({ value }) =>
      isJsonObject(value) &&
      value.debug === true &&
      Object.values(value).some((member) => typeof member === 'string' && anyAddress.has(member)),
  },
  {
    id: 'environment/unresolved-variable',
    level: 'environment',
    severity: 'warning',
    message: 'holds a placeholder that nothing has filled in',
    of: 'text',
    isBroken: (spot) => textOf(spot).includes('${') && variable.test(textOf(spot)),
  },
  {
    id: 'environment/local-address',
    level: 'environment',
    severity: 'warning',
    message: 'is an address of this machine alone, in production',
    of: 'text',
    environment: 'production',
    isBroken: (spot) => localAddress.test(textOf(spot)),
  },
  {
    id: 'environment/home-path',
    level: 'environment',
    severity: 'warning',
    message: "is a path into somebody's home, in production",
    of: 'text',
    environment: 'production',
    isBroken: (spot) => homePath.test(textOf(spot)),
  },
  {
    id: 'performance/no-duration',
    level: 'performance',
    severity: 'warning',
    message: 'is no length of time: it ends at once, or never waits',
    of: 'number',
    name: namesDuration,
    // A schema that names 0 as its least or its usual value has a meaning for it.
    isBroken: (spot) =>
      Number(spot.value) < 0 || (spot.value === 0 && says(spot, 'minimum') !== 0 && says(spot, 'default') !== 0),
  },
  {
    id: 'performance/long-list',
    level: 'performance',
    severity: 'warning',
    message: `is a list of more than ${maxPlainItems} sections, sent whole with every change in it; give it an x-merge-key`,
    of: 'list',
    isBroken: (spot) =>
      Array.isArray(spot.value) &&
      spot.value.length > maxPlainItems &&
      isJsonObject(spot.value[0]) &&
      says(spot, 'x-merge-key') === undefined,
  },
  {
    id: 'best_practice/deprecated',
    level: 'best_practice',
    severity: 'warning',
    message: 'is deprecated',
    of: 'any',
    annotation: 'deprecated',
    isBroken: (spot, context) => says(spot, 'deprecated') === true && context.isGiven(spot.pointer()),
  },
  {
    id: 'best_practice/unknown-unit',
    level: 'best_practice',
    severity: 'warning',
    message: 'has a unit that nobody knows',
    of: 'text',
    annotation: 'x-unit',
    isBroken: (spot) => {
      const quantity = says(spot, 'x-unit') === undefined ? undefined : readQuantity(textOf(spot));
      return quantity !== undefined && !isUnit(quantity.unit);
    },
  },
];

/** Findings that are useful although nothing is wrong; only for validations. */
export const infoRules: readonly ValueRule[] = [
  {
    id: 'best_practice/equals-default',
    level: 'best_practice',
    severity: 'info',
    message: 'says what the schema says by default; left out, it would follow a better default',
    of: 'any',
    annotation: 'default',
    isBroken: (spot, context) => {
      const usual = says(spot, 'default');
      return (
        usual !== undefined && !isJsonObject(usual) && isEqualJson(spot.value, usual) && context.isGiven(spot.pointer())
      );
    },
  },
];

/** Letters as a generator of keys draws them: words, paths and addresses have fewer kinds, or spaces and slashes. */
function isRandom(text: string): boolean {
  if (/[\s${}]|:\/\/|^\/|^\.|\.(pem|key|txt|json|ya?ml)$/.test(text)) return false;
  return entropyOf(text) >= minEntropy && /\d/.test(text) && /[a-z]/i.test(text);
}

/** Bits a letter. English words have about 3 in a text of this length, random hexadecimals 3.3 and more. */
const minEntropy = 3;

function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
