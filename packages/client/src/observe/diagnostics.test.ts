import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createMemoryBroker } from '@setpoint/bus/memory';
import { createInbox, type Inbox, sealSnapshot, snapshotOf } from '@setpoint/test-support/samples';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { connect } from '../connect/connect.ts';
import { type DiagnosticsName, publishDiagnostics } from './diagnostics.ts';

const names: readonly DiagnosticsName[] = [
  'setpoint.client.receive',
  'setpoint.client.apply',
  'setpoint.client.publish',
  'setpoint.client.connect',
  'setpoint.client.state',
];

let inboxes: Map<string | symbol, Inbox<object>>;
const listener = (message: unknown, name: string | symbol): void => inboxes.get(name)?.put(message as object);
beforeEach(() => {
  inboxes = new Map(names.map((name) => [name, createInbox<object>()]));
  for (const name of names) subscribe(name, listener);
});
afterEach(() => {
  for (const name of names) unsubscribe(name, listener);
});

const heard = (name: DiagnosticsName): Inbox<object> => inboxes.get(name) as Inbox<object>;

it('the diagnostics channels tell what is received, applied, published and connected, and no value of a document', async () => {
  const broker = createMemoryBroker();
  await using authority = broker.connect();
  await authority.start();
  const publish = (version: number, values: { threshold: number; key: string }): Promise<void> =>
    authority.publish('config/vad/snapshot', sealSnapshot(snapshotOf(version, values, { secrets: ['/key'] })), {
      retain: true,
    });
  await publish(3, { threshold: 0.7, key: 'hush-1' });
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const connection = await connect({
    bus: (options) => broker.connect({ clientId: 'vad-1', ...options }),
    service: 'vad',
    instance: 'vad-1',
    schema: z.looseObject({ threshold: z.number().max(1) }),
    cacheDir: false,
    logger,
  });
  const who = { service: 'vad', instance: 'vad-1' };
  const bytes = expect.any(Number);
  const durationMs = expect.any(Number);

  expect(await heard('setpoint.client.connect').next()).toMatchObject({ ...who, status: 'connecting' });
  expect(await heard('setpoint.client.connect').next()).toEqual({ ...who, status: 'connected', session: 1 });
  expect(await heard('setpoint.client.receive').next()).toEqual({
    ...who,
    bytes,
    outcome: 'apply',
    epoch: 7,
    version: 3,
  });
  const applied = { ...who, from: 'live', epoch: 7, outcome: 'applied', durationMs };
  expect(await heard('setpoint.client.apply').next()).toEqual({ ...applied, version: 3 });
  expect(await heard('setpoint.client.state').next()).toEqual({ ...who, state: 'READY', previous: 'NOT_READY' });

  const notifying = heard('setpoint.client.publish');
  let published = (await notifying.next()) as { topic: string };
  while (published.topic !== 'system/health/vad-1') published = (await notifying.next()) as { topic: string };
  expect(published).toEqual({ ...who, topic: 'system/health/vad-1', bytes, durationMs });

  await publish(4, { threshold: 2, key: 'hush-2' });
  expect(await heard('setpoint.client.apply').next()).toEqual({
    ...applied,
    version: 4,
    outcome: 'rejected',
    code: 'document_invalid',
  });
  expect(await heard('setpoint.client.state').next()).toMatchObject({ state: 'STALE', previous: 'READY' });

  await publish(2, { threshold: 0.1, key: 'hush-3' });
  await authority.publish('config/vad/snapshot', 'hush-4');
  expect(await heard('setpoint.client.receive').next()).toMatchObject({ outcome: 'apply', version: 4 });
  expect(await heard('setpoint.client.receive').next()).toMatchObject({ outcome: 'skip', reason: 'stale', version: 2 });
  expect(await heard('setpoint.client.receive').next()).toEqual({
    ...who,
    bytes: 6,
    outcome: 'refuse',
    code: 'envelope_malformed',
  });

  await connection.stop();
  await expect(connection.bus.publish('a', 'b')).rejects.toMatchObject({ code: 'stopped' });
  const told = JSON.stringify([...inboxes.values()].map((inbox) => inbox.all));
  // How long it took may be any number.
  const all = told.replaceAll(/"durationMs":[\d.e-]+/g, '');
  expect(all).not.toMatch(/hush|0\.7|threshold/);
});

it('no diagnostics message is made while nobody listens', () => {
  unsubscribe('setpoint.client.state', listener);
  publishDiagnostics('setpoint.client.state', () => {
    throw new Error('made for nobody');
  });
  subscribe('setpoint.client.state', listener);
  expect(() =>
    publishDiagnostics('setpoint.client.state', () => {
      throw new Error('made for somebody');
    }),
  ).toThrow('made for somebody');
});
