import { readFile } from 'node:fs/promises';
import { createMemoryBroker } from '@setpoint/bus/memory';
import type { SetpointError } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { resolveBusOptions } from '../../packages/bus/src/session/options.ts';
import { createMessenger } from '../../packages/client/src/messaging/messenger.ts';
import { resolveMessagingOptions } from '../../packages/client/src/messaging/options.ts';
import { resolveBrokerOptions } from '../../packages/client/src/options/resolve-broker-options.ts';
import { resolveOptions } from '../../packages/client/src/options/resolve-options.ts';

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

const page = await read('docs/configuration.md');

/** The rows of the first table after a text, without head and rule; backticks are taken off. */
function tableAfter(text: string): string[][] {
  const [, rest = ''] = page.split(text);
  const [, table = ''] = /(?:^|\n)\|.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(rest) ?? [];
  const rows = table.trimEnd().split('\n');
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

const tables = {
  connect: tableAfter('## The client: `connect(options)`'),
  broker: tableAfter('### The broker, by code and by environment'),
  tls: tableAfter('random up to their ceiling'),
  messaging: tableAfter('`connect({ messaging: { … } })`:'),
  publish: tableAfter('`messenger.publish(topic, data, { … })`:'),
  subscribe: tableAfter('`messenger.subscribe(filter, handler, { … })`'),
  request: tableAfter('`messenger.request(topic, data, { … })`'),
  bus: tableAfter('and what every bus has:'),
};

/** The members of an interface, as its source says. */
async function membersOf(path: string, name: string): Promise<string[]> {
  const [, body = ''] = new RegExp(`interface ${name}\\b[^{]*\\{\\n(.*?)\\n\\}`, 's').exec(await read(path)) ?? [];
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member = '']) => member);
}

const firstCells = (rows: readonly string[][]): string[] => rows.map(([first = '']) => first);

describe('docs/configuration.md names every option of', () => {
  it.each([
    [
      'connect',
      'packages/client/src/options/connect-options.ts',
      ['ConnectOptions'],
      ['boot', 'staleness', 'overrides'],
    ],
    ['broker', 'packages/client/src/options/broker-options.ts', ['BrokerOptions'], []],
    ['tls', 'packages/bus/src/mqtt/mqtt-options.ts', ['MqttTlsOptions'], []],
    ['messaging', 'packages/client/src/messaging/options.ts', ['MessagingOptions'], []],
    ['publish', 'packages/client/src/messaging/message-publisher.ts', ['MessageOptions'], []],
    ['request', 'packages/client/src/messaging/requester.ts', ['RequestOptions', 'StreamOptions'], []],
    ['bus', 'packages/bus/src/bus.ts', ['BusOptions'], []],
  ] as const)('%s', async (table, path, interfaces, more) => {
    const own = (await Promise.all(interfaces.map((name) => membersOf(path, name)))).flat();
    expect(firstCells(tables[table]).sort()).toEqual([...own, ...more].sort());
  });

  it('policy, among those of connect', async () => {
    const names = firstCells(tables.connect);
    expect(names).toEqual(
      expect.arrayContaining(await membersOf('packages/client/src/options/policy.ts', 'PolicyOptions')),
    );
  });

  it('subscribe', async () => {
    const path = 'packages/client/src/messaging/subscription.ts';
    const queue = (await membersOf(path, 'QueueOptions')).map((name) => `queue.${name}`);
    const own = (await membersOf(path, 'MessageSubscribeOptions')).filter((name) => name !== 'queue');
    expect(firstCells(tables.subscribe).sort()).toEqual([...own, ...queue].sort());
  });

  it('the environment', async () => {
    const used = (await read('packages/client/src/options/environment.ts')).match(/MQTT_[A-Z_]+/g) ?? [];
    const named = [...tables.broker, ...tables.tls].flatMap(
      ([, variable = '']) => variable.match(/MQTT_[A-Z_]+/g) ?? [],
    );
    expect(named.sort()).toEqual([...new Set(used)].sort());
  });
});

const right = { service: 'vad', schema: z.object({}), url: 'mqtt://broker' };
const noFault = (option: string, message: string): never => {
  throw new Error(`${option} ${message}`);
};

describe('docs/configuration.md says the default of', () => {
  const { dedupe, ...broker } = resolveBrokerOptions({ url: 'mqtt://broker' }, noFault);
  const defaults: Readonly<Record<string, unknown>> = {
    ...resolveOptions(right),
    ...broker,
    dedupeTtlMs: dedupe.ttlMs,
    dedupeMaxEntries: dedupe.maxEntries,
  };

  it.each(
    [
      ...tables.connect.map(([option, , value]) => [option, value]),
      ...tables.broker.map(([option, , , value]) => [option, value]),
    ].filter(([, value = '']) => /^(\d+|true|false)$/.test(value)) as [string, string][],
  )('%s: %s', (option, value) => {
    expect(String(defaults[option])).toBe(value);
  });

  it('the messages', () => {
    const said = Object.fromEntries(tables.messaging.map(([option, , value]) => [option, value]));
    const real = Object.entries(resolveMessagingOptions({}, noFault)).map(([name, value]) => [name, String(value)]);
    expect(said).toEqual(Object.fromEntries(real));
  });

  it('the bus', () => {
    const real: object = resolveBusOptions({});
    for (const [option = '', , value] of tables.bus.filter(([, type]) => type !== 'function')) {
      expect([option, value]).toEqual([option, String(real[option as keyof typeof real])]);
    }
  });
});

describe('docs/configuration.md says the bounds of', () => {
  const bounded = [
    ...tables.connect.map(([option, type]) => ({ option, type, place: [] as string[] })),
    ...tables.broker.map(([option, , type]) => ({ option, type, place: [] as string[] })),
    ...tables.messaging.map(([option, type]) => ({ option, type, place: ['messaging'] })),
  ].flatMap(({ option = '', type = '', place }) => {
    const [, least, most] = /^(?:m?s, )?(?:from )?(\d+)(?:–(\d+))?$/.exec(type) ?? [];
    return least === undefined ? [] : [{ option, place, least: Number(least), most: Number(most ?? 2_147_483_647) }];
  });

  const isTaken = (option: string, place: readonly string[], value: number): boolean => {
    // So that no shortest delay is longer than the longest one.
    const rest = { reconnectMinDelayMs: 100, reconnectMaxDelayMs: 2_147_483_647 };
    const given = place.length > 0 ? { messaging: { [option]: value } } : { [option]: value };
    try {
      resolveOptions({ ...right, ...rest, ...given });
      return true;
    } catch {
      return false;
    }
  };

  it('every number', () => {
    expect(bounded.map(({ option }) => option)).toEqual(
      expect.arrayContaining(['startTimeoutMs', 'applyTimeoutMs', 'keepaliveSeconds', 'dedupeMaxEntries', 'maxAgeMs']),
    );
  });

  it.each(bounded)('$option: $least to $most', ({ option, place, least, most }) => {
    expect([least - 1, least, most, most + 1].map((value) => isTaken(option, place, value))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it.each(
    tables.broker.flatMap(([, variable = '']) => {
      const [, name, least] = /^(MQTT_\w+) in s, from ([\d.]+)$/.exec(variable) ?? [];
      return name === undefined ? [] : [{ name, least: Number(least) }];
    }),
  )('$name: from $least seconds', ({ name, least }) => {
    const faultsOf = (value: number): number => {
      let faults = 0;
      const environment = { MQTT_RECONNECT_MIN_DELAY: '0.1', [name]: String(value) };
      resolveBrokerOptions({ url: 'mqtt://broker', environment }, () => (faults += 1));
      return faults;
    };
    expect(faultsOf(least)).toBe(0);
    expect(faultsOf(least === 0 ? -1 : least - 0.05)).toBe(1);
  });
});

describe('Client-30-Options-At-Once: a wrong value is refused, and nothing else is said, for', () => {
  const noNumber = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, '20', true, [5], {}, () => 5];
  const noName = ['', 'Vad', 'a b', 'a/b', 'x'.repeat(64), 5, [], {}];
  const noClientName = ['', 'a b', 'a/b', 'x'.repeat(257), 5, Number.NaN, [], {}];
  const noFunction = ['x', 5, Number.NaN, {}, []];
  const noSwitch = ['true', 1, 0, Number.NaN, {}, []];
  const noOptions = ['x', 5, Number.NaN, [], true, () => ({})];
  const noPem = ['', 'x', 5, Number.NaN, {}, []];
  const numbers = (least: number, most = 2_147_483_647): unknown[] => [least - 1, most + 1, ...noNumber];
  const wholes = (least: number, most: number): unknown[] => [least + 0.5, ...numbers(least, most)];

  const wrong: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>> = {
    connect: {
      service: [undefined, ...noName],
      schema: [undefined, {}, [], 'x', 5, Number.NaN, () => {}, { safeParse: () => {} }],
      instance: noName,
      prefix: ['a//b', '/a', 'a/', '+', '#', 5, Number.NaN, [], {}],
      authority: noName,
      trustedKeys: [{}, [], { keys: [] }, { keys: 'x' }, { keys: [{}] }, 'x', '', 5, false, Number.NaN],
      cacheDir: ['', ' ', 'a\0b', true, 5, Number.NaN, [], {}],
      withoutSnapshot: ['', 'Defaults', 'hope', 5, Number.NaN, [], {}],
      startTimeoutMs: numbers(0),
      applyTimeoutMs: numbers(1),
      boot: [...noOptions, { a: 'refuse' }, { '/a': 'x' }, { '/nope': 'refuse' }, { '/a': { default: Number.NaN } }],
      staleness: [
        ...noOptions,
        {},
        { softMs: 1 },
        { softMs: 0, hardMs: 1 },
        { softMs: 2, hardMs: 1 },
        { softMs: Number.NaN, hardMs: 1 },
        { softMs: 1, hardMs: 2 ** 31 },
        { softMs: '1', hardMs: '2' },
        { softMs: 1, hardMs: 1, x: 1 },
      ],
      overrides: [
        ...noOptions,
        { allow: ['/a'] },
        { values: { '/a': 1 } },
        { allow: '/a', values: {} },
        { allow: [5], values: {} },
        { allow: [], values: [] },
        { allow: [], values: { '/a': 1 } },
        { allow: ['/a'], values: { '/a': 'x' } },
      ],
      messaging: [...noOptions, { x: 1 }],
      logger: [...noOptions, {}, { debug() {}, info() {}, warn() {} }, { ...console, error: 'x' }],
      tracing: [...noOptions, {}, { start: 5 }],
      signal: [...noOptions, {}, new AbortController()],
      now: [...noFunction, new Date()],
    },
    broker: {
      environment: noOptions.filter((value) => typeof value !== 'function'),
      url: [
        '',
        'x',
        'http://a',
        'mqtt://ann:12#34@a',
        [],
        ['x'],
        [{}],
        [{ url: 'mqtts://a', tls: 5 }],
        [{ url: 'mqtts://a', tls: null }],
        5,
        Number.NaN,
        {},
      ],
      bus: noFunction,
      clientId: noClientName,
      sourceName: noClientName,
      keepaliveSeconds: wholes(1, 3600),
      enableHealth: noSwitch,
      enableHeartbeat: noSwitch,
      heartbeatIntervalMs: numbers(100),
      dedupeTtlMs: numbers(0),
      dedupeMaxEntries: wholes(1, 1_000_000),
      reconnectMinDelayMs: numbers(100),
      reconnectMaxDelayMs: numbers(100),
      tls: [...noOptions, { x: 1 }],
    },
    tls: {
      ca: noPem,
      cert: noPem,
      key: noPem,
      servername: ['', '127.0.0.1', '::1', 'a b', 'x'.repeat(254), 5, Number.NaN, {}, []],
      alpn: [[], [''], ['x'.repeat(256)], [5], 'mqtt', 5, Number.NaN, {}],
    },
    messaging: {
      outboxMaxMessages: wholes(1, 1_000_000),
      outboxMaxBytes: wholes(1, 4_294_967_296),
      outboxPolicy: ['', 'drop', 5, Number.NaN, [], {}],
      maxAgeMs: numbers(1),
      maxPendingRequests: wholes(1, 1_000_000),
    },
  };

  const right = { service: 'vad', schema: z.object({ a: z.number().default(1) }), url: 'mqtts://broker' };
  const given = (table: string, option: string, value: unknown): object => {
    if (table === 'tls' || table === 'messaging') return { ...right, [table]: { [option]: value } };
    return { ...right, ...(option === 'bus' && { url: undefined }), [option]: value };
  };
  /** Where the faults are; a surprise is no fault. */
  const pointersOf = (options: object): string[] => {
    try {
      resolveOptions(options as never);
      return ['taken'];
    } catch (cause) {
      const { code, faults } = cause as SetpointError;
      return code === 'options_invalid' ? faults.map(({ pointer }) => pointer) : [String(cause)];
    }
  };

  it('every option', () => {
    for (const [table, options] of Object.entries(wrong)) {
      expect(firstCells(tables[table as keyof typeof tables]).sort()).toEqual(Object.keys(options).sort());
    }
  });

  it.each(
    Object.entries(wrong).flatMap(([table, options]) =>
      Object.entries(options).map(([option, values]) => ({ table, option, values })),
    ),
  )('$table, $option', ({ table, option, values }) => {
    const place = table === 'tls' || table === 'messaging' ? `/${table}/${option}` : `/${option}`;
    const isOfIt = (pointer: string): boolean => pointer === place || pointer.startsWith(`${place}/`);
    for (const value of [null, ...values]) {
      const pointers = pointersOf(given(table, option, value));
      expect({ value, isToldOfItAlone: pointers.every(isOfIt), pointers }).toMatchObject({ isToldOfItAlone: true });
      // What the environment says instead is not asked where the code speaks.
      expect(pointers.length).toBeGreaterThan(0);
    }
  });

  it('all of them at once', () => {
    const all = Object.fromEntries([...tables.connect, ...tables.broker].map(([option = '']) => [option, null]));
    const options = [...new Set(pointersOf(all).map((pointer) => pointer.slice(1)))];
    expect(options.sort()).toEqual(Object.keys(all).sort());
  });
});

describe('docs/configuration.md says the bounds of a call, of', () => {
  const bus = createMemoryBroker().connect();
  const messenger = createMessenger({
    bus,
    service: 'vad',
    instance: 'vad-1',
    prefix: '',
    now: Date.now,
    onFault: () => {},
  });
  const calls = {
    publish: (options: object) => messenger.publish('a', {}, options),
    subscribe: async (options: object) => messenger.subscribe('a', () => {}, options).close(),
    request: (options: object) => {
      const controller = new AbortController();
      const answer = messenger.requestStream('a', {}, { signal: controller.signal, ...options }).next();
      // There is nobody who would answer.
      controller.abort();
      return answer;
    },
  } as const;

  const rows = (['publish', 'subscribe', 'request'] as const).flatMap((call) =>
    tables[call].flatMap(([option = '', type = '']) => {
      const [, least, most] = /^(?:ms, from )?(\d+)(?:–(\d+))?$/.exec(type) ?? [];
      return least === undefined ? [] : [{ call, option, least: Number(least), most: Number(most ?? 2_147_483_647) }];
    }),
  );

  it('six numbers', () => {
    expect(rows.map(({ option }) => option).sort()).toEqual([
      'concurrency',
      'idleTimeoutMs',
      'maxAgeMs',
      'queue.limit',
      'queue.maxBytes',
      'timeoutMs',
    ]);
  });

  it.each(rows)('$call, $option: $least to $most', async ({ call, option, least, most }) => {
    const [name = '', inner] = option.split('.');
    const codeOf = (value: number): Promise<unknown> =>
      calls[call]({ [name]: inner === undefined ? value : { [inner]: value } }).then(
        () => 'taken',
        (cause) => (cause.code === 'options_invalid' ? 'refused' : 'taken'),
      );
    expect(await Promise.all([least - 1, least, most, most + 1].map(codeOf))).toEqual([
      'refused',
      'taken',
      'taken',
      'refused',
    ]);
  });
});
