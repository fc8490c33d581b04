import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as dialerOfPage from '../../packages/bus/src/mqtt/dialer.browser.ts';
import * as dialer from '../../packages/bus/src/mqtt/dialer.ts';
import * as keepaliveTimerOfPage from '../../packages/bus/src/mqtt/keepalive-timer.browser.ts';
import * as keepaliveTimer from '../../packages/bus/src/mqtt/keepalive-timer.ts';
import * as tlsFaultsOfPage from '../../packages/bus/src/mqtt/tls-faults.browser.ts';
import * as tlsFaults from '../../packages/bus/src/mqtt/tls-faults.ts';
import * as busBytesOfPage from '../../packages/bus/src/runtime/bytes.browser.ts';
import * as busBytes from '../../packages/bus/src/runtime/bytes.ts';
import * as brokerAccessOfPage from '../../packages/client/src/runtime/broker-access.browser.ts';
import * as brokerAccess from '../../packages/client/src/runtime/broker-access.ts';
import * as bytesOfPage from '../../packages/client/src/runtime/bytes.browser.ts';
import * as bytes from '../../packages/client/src/runtime/bytes.ts';
import * as channelOfPage from '../../packages/client/src/runtime/channel.browser.ts';
import * as channel from '../../packages/client/src/runtime/channel.ts';
import * as defaultLoggerOfPage from '../../packages/client/src/runtime/default-logger.browser.ts';
import * as defaultLogger from '../../packages/client/src/runtime/default-logger.ts';
import * as lastGoodOfPage from '../../packages/client/src/runtime/last-good.browser.ts';
import * as lastGood from '../../packages/client/src/runtime/last-good.ts';
import * as wireBytesOfPage from '../../packages/protocol/src/runtime/bytes.browser.ts';
import * as wireBytes from '../../packages/protocol/src/runtime/bytes.ts';
import * as cryptoOfPage from '../../packages/protocol/src/runtime/crypto.browser.ts';
import * as crypto from '../../packages/protocol/src/runtime/crypto.ts';

/** What Node has, and what stands in for it in a browser; the compiler sees to it that it can. */
const twin = <T extends object>(ofNode: T, ofPage: NoInfer<T>): [T, T] => [ofNode, ofPage];
const twins: readonly [object, object][] = [
  twin(busBytes, busBytesOfPage),
  twin(keepaliveTimer, keepaliveTimerOfPage),
  twin(dialer, dialerOfPage),
  twin(tlsFaults, tlsFaultsOfPage),
  twin(brokerAccess, brokerAccessOfPage),
  twin(bytes, bytesOfPage),
  twin(channel, channelOfPage as typeof channel),
  twin(defaultLogger, defaultLoggerOfPage),
  twin(lastGood, lastGoodOfPage),
  twin(wireBytes, wireBytesOfPage),
  twin(crypto, cryptoOfPage),
];

it('the modules for Node and those that replace them in a browser export the same names', () => {
  for (const [ofNode, ofPage] of twins) expect(Object.keys(ofPage).sort()).toEqual(Object.keys(ofNode).sort());
});

it('the list of replaced modules is complete', () => {
  const files = ['protocol', 'bus', 'client'].flatMap((name) =>
    readdirSync(new URL(`../../packages/${name}/src/`, import.meta.url), { recursive: true, encoding: 'utf8' }),
  );
  const ofPages = files.filter((file) => file.endsWith('.browser.ts'));
  expect(ofPages).toHaveLength(twins.length);
  expect(files).toEqual(expect.arrayContaining(ofPages.map((file) => file.replace('.browser.ts', '.ts'))));
});
