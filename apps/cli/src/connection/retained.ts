import type { Bus, BusMessage } from '@setpoint/bus';
import {
  createTopics,
  type Messages,
  type MessageType,
  openMessage,
  parseName,
  SetpointError,
  type Snapshot,
  snapshotType,
  tryOpenMessage,
} from '@setpoint/protocol';
import type { Settings } from '../settings.ts';
import { type Connection, within } from './connection.ts';

/**
 * MQTT does not say when the last retained message of a subscription has come. They follow its grant, so after several
 * times what the grant took, and at least this, there is none. Milliseconds.
 */
const quietMs = 150;
const quietRounds = 5;
/** An answer of "there is none" is worth a longer look. Milliseconds. */
const noneMs = 500;

/**
 * The retained snapshot of a service; undefined where the broker has none.
 * @throws CommandError; SetpointError of `openMessage`, for one that can't be believed
 */
export async function readSnapshot(
  { bus, failed }: Connection,
  service: string,
  settings: Settings,
): Promise<Snapshot | undefined> {
  const topic = createTopics(settings.prefix).snapshot(parseName(service, 'a service'));
  const arrived = Promise.withResolvers<Snapshot>();
  arrived.promise.catch(() => undefined);
  const { ready } = bus.subscribe(topic, ({ payload }) => {
    if (payload.length === 0) return;
    try {
      arrived.resolve(openMessage(snapshotType, payload, { keys: settings.keys, now: Date.now() }).data);
    } catch (cause) {
      arrived.reject(explain(cause, service));
    }
  });
  const none = silenceAfter(bus, ready, noneMs);
  const work = Promise.race([arrived.promise, none, failed]);
  return within(settings.timeoutMs, work, `the broker did not answer within ${settings.timeoutMs} ms`);
}

function explain(cause: unknown, service: string): unknown {
  if (!(cause instanceof SetpointError)) return cause;
  const message = `the snapshot of ${service} on the broker is not believed: ${cause.message}`;
  return new SetpointError(cause.code, message, { cause });
}

/** A message that the broker has kept. */
export interface CollectedMessage<Data> {
  readonly data: Data;
  /** When it was made. RFC 3339. */
  readonly time: string;
}

/** Every retained message of some kinds, each once, when no more come. Messages that can't be read are left out. */
export async function collectRetained<Type extends MessageType>(
  { bus, failed }: Connection,
  filters: Readonly<Record<Type, string>>,
  settings: Settings,
): Promise<{ [Kind in Type]: CollectedMessage<Messages[Kind]>[] }> {
  const byTopic = new Map<string, CollectedMessage<Messages[Type]> & { type: Type }>();
  const types = Object.keys(filters) as Type[];
  let heard = (): void => undefined;
  const take =
    (type: Type) =>
    ({ topic, payload }: BusMessage): void => {
      heard();
      const opened = tryOpenMessage(type, payload, { keys: settings.keys, now: Date.now() });
      if (opened) byTopic.set(topic, { type, data: opened.data, time: opened.envelope.time });
      else byTopic.delete(topic);
    };
  const granted = Promise.all(types.map((type) => bus.subscribe(filters[type], take(type)).ready));
  const quiet = silenceAfter(bus, granted, quietMs, (renew) => {
    heard = renew;
  });
  const message = `the broker did not answer within ${settings.timeoutMs} ms`;
  await within(settings.timeoutMs, Promise.race([quiet, failed]), message);
  // Each entry was opened with the type under which it is listed.
  const found = types.map((type) => [type, [...byTopic.values()].filter((entry) => entry.type === type)] as const);
  return Object.fromEntries(found) as unknown as { [Kind in Type]: CollectedMessage<Messages[Kind]>[] };
}

/** Resolves when, after a subscription was granted, nothing has come for a while. */
async function silenceAfter(
  bus: Bus,
  granted: Promise<unknown>,
  leastMs: number,
  onRenew: (renew: () => void) => void = () => undefined,
): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let asked = performance.now();
  bus.onStatus(({ kind }) => {
    if (kind === 'connected') asked = performance.now();
  });
  await granted;
  const silence = Math.max(leastMs, quietRounds * (performance.now() - asked));
  // Whoever got what it wanted before does not wait for this.
  const timer = setTimeout(() => resolve(undefined), silence).unref();
  onRenew(() => void timer.refresh());
  return promise;
}
