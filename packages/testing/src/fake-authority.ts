import type { Bus } from '@setpoint/bus';
import {
  anyName,
  type Contract,
  contractType,
  createEnvelopeWriter,
  createTopics,
  type Health,
  healthType,
  type JsonObject,
  type Keepalive,
  keepaliveType,
  type Signer,
  type Snapshot,
  type Stamp,
  snapshotType,
  tryOpenMessage,
} from '@setpoint/protocol';
import type { z } from 'zod';
import { completeValues, composeSnapshot, type SnapshotRest } from './snapshot.ts';

export interface FakeAuthorityOptions<Schema extends z.ZodType> {
  /** Its own connection; started if it is not, and stopped with the authority. */
  readonly bus: Bus;
  readonly service: string;
  /** Completes what is published with its defaults and refuses what does not fit. @default anything is published */
  readonly schema?: Schema;
  /** Signs the snapshots. @default nobody does */
  readonly signer?: Signer;
  /** @default "" */
  readonly prefix?: string;
  /** @default "config-authority" */
  readonly id?: string;
  /** How long `applied` and its like wait. Milliseconds. @default 5000 */
  readonly timeoutMs?: number;
}

/** A snapshot other than the next one. */
export interface PublishedAs extends Omit<SnapshotRest, 'service'> {
  /** @default that of the authority */
  readonly signer?: Signer | undefined;
  /** Published as it is, whatever the schema says. @default false */
  readonly unchecked?: boolean;
}

/**
 * An authority of one service that says what a test wants said: also what a real one never would. It decides nothing
 * and answers no requests.
 */
export interface FakeAuthority<Values> extends AsyncDisposable {
  /** What was published last as a right and newer version. */
  readonly latest: Snapshot | undefined;
  /** Publishes the next version, or the one that `as` says. Resolves when the broker has it. */
  publish(values: Values, as?: PublishedAs): Promise<Snapshot>;
  /** Publishes the latest once more: a redelivery. */
  republish(): Promise<void>;
  /** Publishes a version older than the latest. */
  publishStale(values: Values): Promise<Snapshot>;
  /** Publishes other values under the version of the latest. */
  publishReused(values: Values): Promise<Snapshot>;
  /** Publishes the next version without a signature. */
  publishUnsigned(values: Values): Promise<Snapshot>;
  /** Publishes what is no snapshot at all. @default "{" */
  publishMalformed(text?: string): Promise<void>;
  /** Clears the retained snapshot, as for a service that was deleted. */
  delete(): Promise<void>;
  /** A sign of life; names the latest as changed just now, unless told otherwise. */
  beacon(says?: Partial<Keepalive>): Promise<void>;
  /** What each instance said last. */
  readonly health: ReadonlyMap<string, Health>;
  readonly contracts: readonly Contract[];
  /**
   * Resolves when an instance (of this name, if given) says that it runs this version of the latest epoch.
   * @throws Error with what was said instead, after `timeoutMs`
   */
  applied(version: number, instance?: string): Promise<Health>;
  /** The same for an instance that says that it refused the version. */
  rejected(version: number, instance?: string): Promise<Health>;
  /** The same for anything else that is said. */
  said(wanted: (health: Health) => boolean, what?: string): Promise<Health>;
}

/** Creates one; resolves when it is connected and hears what instances say. */
export async function createFakeAuthority<Schema extends z.ZodType = z.ZodType<JsonObject>>(
  options: FakeAuthorityOptions<Schema>,
): Promise<FakeAuthority<z.input<Schema>>> {
  const { bus, service, schema, signer, prefix = '', id = 'config-authority', timeoutMs = 5000 } = options;
  const topics = createTopics(prefix);
  const source = `/authority/${id}`;
  const health = new Map<string, Health>();
  const contracts = new Map<string, Contract>();
  const listeners = new Set<() => void>();
  const session = crypto.randomUUID();
  let latest: Snapshot | undefined;
  let commit = 0;
  let sequence = 0;

  const heard = [
    bus.subscribe(topics.health(anyName), ({ payload }) => {
      const said = tryOpenMessage(healthType, payload, { now: Date.now() })?.data;
      if (said?.service !== service) return;
      health.set(said.instance, said);
      for (const listener of listeners) listener();
    }),
    bus.subscribe(topics.contract(service, anyName), ({ payload }) => {
      const announced = tryOpenMessage(contractType, payload, { now: Date.now() })?.data;
      if (announced) contracts.set(announced.digest, announced);
    }),
  ];
  if (bus.status.kind === 'idle') await bus.start();
  await Promise.all(heard.map(({ ready }) => ready));

  const send = (payload: Uint8Array | string): Promise<void> =>
    bus.publish(topics.snapshot(service), payload, { qos: 1, retain: true });

  const seal = (snapshot: Snapshot, by: Signer | undefined): Uint8Array =>
    createEnvelopeWriter({ source, signer: by }).seal({ type: snapshotType, subject: service, data: snapshot }).bytes;

  const nextStamp = (): Pick<Snapshot, 'epoch' | 'version' | 'previous'> =>
    latest
      ? {
          epoch: latest.epoch,
          version: latest.version + 1,
          previous: { version: latest.version, digest: latest.digest },
        }
      : { epoch: 1, version: 1, previous: null };

  async function publish(values: z.input<Schema>, as: PublishedAs = {}): Promise<Snapshot> {
    const { signer: by = signer, unchecked = false, ...rest } = as;
    const document = schema && !unchecked ? completeValues(schema, values) : (values as JsonObject);
    const snapshot = composeSnapshot(document, { ...nextStamp(), ...rest, service });
    if (isNewest(snapshot)) {
      latest = snapshot;
      commit += 1;
    }
    await send(seal(snapshot, 'signer' in as ? as.signer : by));
    return snapshot;
  }

  const isNewest = ({ epoch, version }: Stamp): boolean =>
    !latest || epoch > latest.epoch || (epoch === latest.epoch && version > latest.version);

  const known = (): Snapshot => {
    if (latest) return latest;
    throw new Error('the fake authority has published nothing yet; publish a version first');
  };

  function said(wanted: (health: Health) => boolean, what = 'what was wanted'): Promise<Health> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        listeners.delete(look);
      };
      const look = (): void => {
        const found = [...health.values()].find(wanted);
        if (!found) return;
        end();
        resolve(found);
      };
      const timer = setTimeout(() => {
        end();
        const lines = [...health.values()].map((last) => JSON.stringify(last));
        const heardText = lines.length > 0 ? `; said was:\n${lines.join('\n')}` : '; no instance said anything';
        reject(new Error(`no instance of ${service} said ${what} within ${timeoutMs} ms${heardText}`));
      }, timeoutMs);
      listeners.add(look);
      look();
    });
  }

  const isOf = (instance: string | undefined, { instance: name }: Health): boolean =>
    instance === undefined || instance === name;

  const authority: FakeAuthority<z.input<Schema>> = {
    get latest() {
      return latest;
    },
    publish,
    republish: () => send(seal(known(), signer)),
    publishStale: (values) => publish(values, { version: known().version - 1, epoch: known().epoch }),
    publishReused: (values) => publish(values, { version: known().version, epoch: known().epoch }),
    publishUnsigned: (values) => publish(values, { signer: undefined }),
    publishMalformed: (text = '{') => send(text),
    delete: () => send(''),
    async beacon(says = {}) {
      const recent = latest && { [service]: { epoch: latest.epoch, version: latest.version } };
      const data: Keepalive = {
        instance: id,
        session,
        sequence: sequence++,
        intervalMs: 5000,
        commit,
        ...(recent && { recent }),
        ...says,
      };
      const writer = createEnvelopeWriter({ source, signer });
      const { bytes } = writer.seal({ type: keepaliveType, subject: id, data });
      await bus.publish(topics.keepalive(id), bytes, { qos: 0 });
    },
    health,
    get contracts() {
      return [...contracts.values()];
    },
    applied: (version, instance) =>
      said(
        (last) =>
          isOf(instance, last) &&
          last.state !== 'offline' &&
          last.config?.version === version &&
          last.config.epoch === latest?.epoch,
        `that it runs version ${version}`,
      ),
    rejected: (version, instance) =>
      said(
        (last) =>
          isOf(instance, last) &&
          last.config?.lastAttempt?.outcome === 'rejected' &&
          last.config.lastAttempt.version === version,
        `that it refused version ${version}`,
      ),
    said,
    [Symbol.asyncDispose]: () => bus.stop(),
  };
  return authority;
}
