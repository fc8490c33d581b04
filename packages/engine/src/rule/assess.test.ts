import type { Fault, JsonObject, JsonValue } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { compileSchema } from '../schema/schema.ts';
import { type AssessContext, type Assessment, assess } from './assess.ts';
import { defaultPolicy, type ServicePolicy } from './policy.ts';
import { createRuleSet, noOtherServices, noRules, type OtherServices, type Rule } from './rule.ts';

const none: JsonObject = {};

function assessed(schema: JsonObject, document: JsonObject, rest: Partial<AssessContext> = {}): Assessment {
  const own = compileSchema(schema);
  return assess(document, {
    service: 'vad',
    own,
    contracts: [],
    isSecret: own.secrets.touches,
    policy: defaultPolicy,
    rules: noRules,
    otherServices: noOtherServices,
    isGiven: () => true,
    isThorough: false,
    ...rest,
  });
}

const told = ({ warnings }: Assessment): string[] => warnings.map(({ rule, pointer }) => `${rule} ${pointer}`);
const policy = (rest: Partial<ServicePolicy>): Partial<AssessContext> => ({ policy: { ...defaultPolicy, ...rest } });

const pem = '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----';
const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N';
const random = 'q7Jx2Lr9vT0bKz5MwPd8';

describe('a legal value that is risky', () => {
  it.each<[string, JsonObject, JsonObject, string[]]>([
    ['a private key', none, { tls: { pem } }, ['security/private-key /tls/pem']],
    ['a token of three parts', none, { header: jwt }, ['security/unmarked-secret /header']],
    ['letters as a generator draws them', none, { apiKey: random }, ['security/unmarked-secret /apiKey']],
    ['the same in a list', none, { tokens: ['a'], token: [random] }, ['security/unmarked-secret /token/0']],
    ['a password of everybody', none, { db: { password: 'Admin' } }, ['security/default-credentials /db/password']],
    [
      'a password on its way in the open',
      none,
      { hook: 'http://ann:pw@host/x' },
      ['security/plain-http-credentials /hook', 'security/credentials-in-url /hook'],
    ],
    ['a password in an address', none, { db: 'postgres://ann:pw@db/x' }, ['security/credentials-in-url /db']],
    [
      'debugging for all the world',
      none,
      { http: { host: '0.0.0.0', debug: true } },
      ['security/debug-on-all-interfaces /http'],
    ],
    ['a variable that is left', none, { url: `http://\${HOST:db}/` }, ['environment/unresolved-variable /url']],
    ['a reference that is left', none, { url: `\${ref:/a}` }, ['environment/unresolved-variable /url']],
    ['no time at all', none, { timeoutMs: 0 }, ['performance/no-duration /timeoutMs']],
    ['less than no time', none, { pollInterval: -1 }, ['performance/no-duration /pollInterval']],
    [
      'a long list of sections',
      none,
      { users: Array.from({ length: 1001 }, (_, id) => ({ id })) },
      ['performance/long-list /users'],
    ],
    ['a document for few brokers', none, { note: 'x'.repeat(60_000) }, ['performance/large-document ']],
    [
      'what is to go',
      { properties: { old: { deprecated: true }, other: {} } },
      { old: 1, other: 2 },
      ['best_practice/deprecated /old'],
    ],
    [
      'a unit of nobody',
      { properties: { wait: { 'x-unit': 's' } } },
      { wait: '5 parsecs' },
      ['best_practice/unknown-unit /wait'],
    ],
  ])('is warned of: %s', (_, schema, document, expected) => {
    const { faults, warnings } = assessed(schema, document);
    expect(faults).toEqual([]);
    expect(told({ faults, warnings })).toEqual(expected);
    for (const { level, rule, severity } of warnings) {
      expect(rule?.startsWith(`${level}/`)).toBe(true);
      expect(severity).toBe('warning');
    }
  });

  it('is warned of in production: what is of this machine alone', () => {
    const document = {
      url: 'http://localhost:8080/x',
      host: '127.0.0.1',
      home: '/home/ann/model.bin',
      name: 'localhosts',
    };
    expect(told(assessed(none, document))).toEqual([]);
    expect(told(assessed(none, document, policy({ environment: 'production' })))).toEqual([
      'environment/local-address /url',
      'environment/local-address /host',
      'environment/home-path /home',
    ]);
  });

  it.each<[string, JsonObject, JsonObject]>([
    [
      'a secret where it belongs',
      { properties: { apiKey: { 'x-secret': true }, tls: { 'x-secret': true } } },
      { apiKey: random, tls: { pem } },
    ],
    [
      'where a token is to be had',
      none,
      { tokenUrl: `https://host/${random}`, passwordFile: '/run/secrets/db', maxTokens: 16 },
    ],
    ['a placeholder', none, { token: 'replace-me', apiKey: `\${API_KEY_OF_THE_HOUSE` }],
    ['a path to a secret', none, { secret: '/run/secrets/model-token-2', token: 'models/token-2026.txt' }],
    ['words', none, { password: 'correct horse battery staple', token: 'not-a-real-token' }],
    ['a name with a colon', none, { url: 'https://host:8080/a@b', mail: 'ann@host' }],
    ['a template of another language', none, { prompt: `Hello \${name}, it is $` }],
    [
      '0 where the schema means something by it',
      { properties: { timeoutMs: { minimum: 0 }, interval: { default: 0 } } },
      { timeoutMs: 0, interval: 0 },
    ],
    [
      'a long list with a key',
      { properties: { users: { 'x-merge-key': 'id' } } },
      { users: Array.from({ length: 1001 }, (_, id) => ({ id })) },
    ],
    ['a long list of names', none, { users: Array.from({ length: 1001 }, (_, id) => `u${id}`) }],
    ['a unit that is known', { properties: { wait: { 'x-unit': 's' } } }, { wait: '5 min' }],
    ['the world without debugging', none, { http: { host: '0.0.0.0', debug: false }, debug: true }],
  ])('is not warned of: %s', (_, schema, document) => {
    expect(assessed(schema, document)).toEqual({ faults: [], warnings: [] });
  });

  it('is not warned of where nobody said it', () => {
    const schema = { properties: { old: { deprecated: true, default: 1 } } };
    expect(told(assessed(schema, { old: 1 }, { isGiven: () => false }))).toEqual([]);
  });

  it('is told by a validation also where it is no risk', () => {
    const schema = { properties: { a: { default: 1 }, b: { default: 2 }, c: { default: {} } } };
    const document = { a: 1, b: 3, c: {} };
    expect(told(assessed(schema, document))).toEqual([]);
    expect(assessed(schema, document, { isThorough: true, ...policy({ strict: true }) })).toEqual({
      faults: [],
      warnings: [
        {
          pointer: '/a',
          message: 'says what the schema says by default; left out, it would follow a better default',
          severity: 'info',
          level: 'best_practice',
          rule: 'best_practice/equals-default',
        },
      ],
    });
  });

  it('repeats no value in any member', () => {
    const document = {
      apiKey: random,
      tls: pem,
      header: jwt,
      db: 'postgres://ann:pw-of-ann@db/x',
      password: 'letmein',
    };
    const text = JSON.stringify(assessed(none, document));
    for (const secret of [random, 'BEGIN RSA', jwt, 'pw-of-ann', 'letmein']) expect(text).not.toContain(secret);
  });
});

describe('the policy of a service', () => {
  const document = { timeoutMs: 0 };

  it('lets warnings refuse where it is strict', () => {
    const { faults, warnings } = assessed(none, document, policy({ strict: true }));
    expect(faults).toMatchObject([{ rule: 'performance/no-duration', severity: 'warning' }]);
    expect(warnings).toEqual([]);
  });

  it('leaves a rule unasked, with a reason', () => {
    const disabledRules = [{ rule: 'performance/no-duration', reason: '0 is off here' }];
    expect(told(assessed(none, document, policy({ disabledRules })))).toEqual([]);
  });

  it('leaves no fault of the schema out', () => {
    const disabledRules = [
      { rule: 'schema', reason: 'no' },
      { rule: 'schema/type', reason: 'no' },
    ];
    expect(
      assessed({ properties: { a: { type: 'number' } } }, { a: 'x' }, policy({ disabledRules })).faults,
    ).toHaveLength(1);
  });
});

describe('a reference inside a document', () => {
  const schema = {
    properties: {
      models: { type: 'object', additionalProperties: {} },
      voices: { type: 'array' },
      model: { type: ['string', 'null'], 'x-ref': '/models' },
      voice: { type: 'string', 'x-ref': '/voices' },
      key: { type: 'string', 'x-ref': '/keys' },
      keys: { type: 'object', additionalProperties: { 'x-secret': true } },
    },
  } as const;

  it('leads to a member, or to an item by its value, id or name', () => {
    const voices = ['amy', { id: 'bob' }, { name: 'eve' }, { other: 1 }, [1]];
    expect(assessed(schema, { models: { small: {} }, model: 'small', voices, voice: 'bob' }).faults).toEqual([]);
    expect(assessed(schema, { model: null }).faults).toEqual([]);
  });

  it('refuses the document where it leads nowhere', () => {
    const { faults } = assessed(schema, { models: { small: {} }, model: 'large', voice: 'amy' });
    expect(faults).toEqual([
      {
        pointer: '/model',
        message: 'names nothing that stands at /models',
        expected: 'one of small',
        severity: 'error',
        level: 'cross_reference',
        rule: 'cross_reference/dangling',
      },
      {
        pointer: '/voice',
        message: 'names nothing that stands at /voices',
        expected: 'one of /voices',
        severity: 'error',
        level: 'cross_reference',
        rule: 'cross_reference/dangling',
      },
    ]);
  });

  it('tells no names of a place that holds secrets', () => {
    const [fault] = assessed(schema, { keys: { hidden: 'x' }, key: 'none' }).faults;
    expect(fault?.expected).toBe('one of /keys');
  });
});

describe('what services depend on', () => {
  const dependent = (to: JsonValue) => compileSchema({ properties: { broker: { 'x-depends-on': to } } });
  const documents: Record<string, JsonObject> = { mqtt: { broker: { host: 'h' } }, log: {} };
  const otherServices: OtherServices = {
    ...noOtherServices,
    services: () => Object.keys(documents),
    documentOf: (name) => documents[name],
    dependsOn: (name) => (name === 'log' ? ['mqtt'] : []),
  };
  const check = (to: JsonValue, rest: Partial<OtherServices> = {}): Fault[] => [
    ...assessed(dependent(to).schema, { broker: {} }, { otherServices: { ...otherServices, ...rest } }).warnings,
  ];

  it('is there, or is warned of', () => {
    expect(check(['mqtt#/broker/host', 'mqtt', 'vad#/broker'])).toMatchObject([
      { rule: 'cross_reference/dependency-cycle', message: 'depends on itself: vad#/broker → vad#/broker' },
    ]);
    expect(check(['mqtt#/broker/port', 'none', 5])).toMatchObject([
      { pointer: '/broker', message: 'depends on mqtt#/broker/port, which is not there' },
      { pointer: '/broker', message: 'depends on none, which is not there' },
    ]);
  });

  it('goes in circles across services, by schemas and by policies', () => {
    const schemaOf = (name: string) => (name === 'mqtt' ? dependent(['log']) : undefined);
    const dependsOn = (name: string) => (name === 'log' ? ['vad'] : []);
    expect(check('mqtt', { schemaOf, dependsOn })).toMatchObject([
      { pointer: '/broker', message: 'depends on itself: vad#/broker → mqtt#/broker → log → vad#/broker' },
    ]);
    expect(check('log')).toEqual([]);
  });

  it('is asked of the policy alone, too', () => {
    const alone = { ...otherServices, dependsOn: (name: string) => (name === 'vad' ? ['none'] : []) };
    expect(told(assessed(none, {}, { otherServices: alone }))).toEqual(['cross_reference/missing-dependency ']);
  });
});

describe('a rule of the household', () => {
  const rule = (rest: Partial<Rule>): Rule => ({
    id: 'custom/x',
    level: 'environment',
    severity: 'warning',
    check: () => [{ pointer: '/a', message: 'is odd' }],
    ...rest,
  });
  const ask = (
    rules: readonly Rule[],
    rest: Partial<AssessContext> = {},
    schema = none,
    document: JsonObject = { a: 1 },
  ) => assessed(schema, document, { rules: createRuleSet(rules), ...rest });

  it('speaks of the services that it names', () => {
    expect(told(ask([rule({})]))).toEqual(['custom/x /a']);
    expect(told(ask([rule({ services: ['v*'] }), rule({ id: 'custom/y', services: ['other', 'vad*d'] })]))).toEqual([
      'custom/x /a',
    ]);
    expect(told(ask([rule({ services: ['vad'] })]))).toEqual(['custom/x /a']);
    expect(told(ask([rule({ services: ['v.d', 'tts'] })]))).toEqual([]);
  });

  it('sees the services as they stand, and the document that is checked in place of its own', () => {
    const seen: unknown[] = [];
    const both = rule({
      services: ['tts', 'vad'],
      check: (_, { otherServices, service }) => {
        seen.push(otherServices.services(), otherServices.documentOf('vad'), otherServices.documentOf('tts'), service);
        return [];
      },
    });
    const otherServices = { ...noOtherServices, services: () => ['tts', 'vad'], documentOf: () => ({ a: 'before' }) };
    ask([both], { otherServices });
    expect(seen).toEqual([['tts', 'vad'], { a: 1 }, { a: 'before' }, 'vad']);
  });

  it('refuses with error and critical, and is told otherwise', () => {
    expect(ask([rule({ severity: 'critical' })]).faults).toEqual([
      { pointer: '/a', message: 'is odd', severity: 'critical', level: 'environment', rule: 'custom/x' },
    ]);
    expect(ask([rule({ severity: 'info' })])).toEqual({ faults: [], warnings: [] });
    expect(told(ask([rule({ severity: 'info' })], { isThorough: true }))).toEqual(['custom/x /a']);
    expect(told(ask([rule({})], policy({ disabledRules: [{ rule: 'custom/x', reason: 'why' }] })))).toEqual([]);
  });

  it('is not asked about a document that its schema refuses', () => {
    const { faults, warnings } = ask([rule({})], {}, { properties: { a: { type: 'string' } } });
    expect(faults).toHaveLength(1);
    expect(warnings).toEqual([]);
  });

  it('cannot tell a secret, of this service or of another', () => {
    const check: Rule['check'] = ({ token }, { otherServices }) => [
      {
        message: `the token ${token} is old`,
        expected: 'another',
        suggestion: String(otherServices.documentOf('tts')?.key),
      },
    ];
    const schema = { properties: { token: { 'x-secret': true } } };
    const otherServices: OtherServices = {
      ...noOtherServices,
      services: () => ['tts'],
      documentOf: (name) => (name === 'tts' ? { key: 'other-secret' } : undefined),
      isSecret: (service, pointer) => service === 'tts' && pointer === '/key',
    };
    expect(ask([rule({ check })], { otherServices }, schema, { token: 'hunter-secret' }).warnings).toEqual([
      {
        pointer: '',
        message: 'is wrong; what the rule says of it repeats a secret and is left out',
        expected: 'another',
        severity: 'warning',
        level: 'environment',
        rule: 'custom/x',
      },
    ]);
  });
});

it('refuses the marker of an export in the place of a secret, and nowhere else', () => {
  const schema = { properties: { key: { 'x-secret': true }, note: {} } };
  const isSecret = (pointer: string): boolean => pointer === '/key';
  const marker = '*** REDACTED ***';
  const { faults, warnings } = assessed(schema, { key: marker, note: marker }, { isSecret });
  expect(faults.map(({ rule, pointer }) => `${rule} ${pointer}`)).toEqual(['security/redacted /key']);
  expect(warnings).toEqual([]);
});
