import type { Connection } from '@setpoint/client';
import { forgedNumber, isWhole, type Lamp } from './lamp.ts';

/** What is in force in an instance, whatever process it runs in. */
export interface Sight {
  readonly epoch: number;
  readonly version: number;
  readonly document: Lamp;
}

/**
 * Writes down what an instance sees, and complains of what it must never see: an older version within an epoch, a
 * document that its schema refuses, half a change.
 */
export interface Witness {
  readonly faults: readonly string[];
  saw(instance: string, sight: Sight): void;
  /** A new process of this name begins, on what the one before said that it had applied; undefined: on nothing. */
  restarted(instance: string, applied: Pick<Sight, 'epoch' | 'version'> | undefined): void;
  complain(text: string): void;
  /** Follows every change of a connection; what comes after `isDead` says so is not looked at. */
  follow(connection: Connection<Lamp>, isDead: () => boolean): void;
}

export function createWitness(): Witness {
  const faults: string[] = [];
  const last = new Map<string, Omit<Sight, 'document'> & { readonly document?: Lamp }>();
  const witness: Witness = {
    faults,
    complain: (text) => void faults.push(text),
    restarted(instance, applied) {
      if (applied) last.set(instance, applied);
      else last.delete(instance);
    },
    saw(instance, sight) {
      const { epoch, version, document } = sight;
      const before = last.get(instance);
      const at = `${instance} at version ${version} of epoch ${epoch}`;
      if (document.number === forgedNumber) faults.push(`${at}: what a stranger wrote is visible`);
      if (document.poison) faults.push(`${at}: a document that its schema refuses is visible`);
      if (!isWhole(document)) faults.push(`${at}: half a change is visible: ${JSON.stringify(document)}`);
      if (before?.epoch === epoch && before.version > version) {
        faults.push(`${at}: went back from version ${before.version}`);
      }
      if (before?.epoch === epoch && before.version === version && before.document) {
        if (before.document.number !== document.number) faults.push(`${at}: one version, two documents`);
      }
      last.set(instance, sight);
    },
    follow(connection, isDead) {
      const { instance } = connection;
      const look = (): void => {
        const { stamp, current } = connection;
        if (isDead() || !stamp) return;
        witness.saw(instance, { epoch: stamp.epoch, version: stamp.version, document: current });
      };
      look();
      // Two handlers, the first of them slow: both have to be told of the same changes, and in one order.
      const told: [number[], number[]] = [[], []];
      const handle = (index: 0 | 1) => (change: { current: Lamp; previous: Lamp; version: number }) => {
        if (isDead()) return;
        look();
        told[index].push(change.version);
        if (change.current !== connection.current) {
          witness.complain(`${instance}: a handler was told of another document than the one in force`);
        }
        if (!isWhole(change.previous)) witness.complain(`${instance}: a handler was told of half a document before`);
        const [first, second] = told;
        if (index === 1 && (first.length !== second.length || first.at(-1) !== second.at(-1))) {
          witness.complain(`${instance}: its handlers were told of different changes: ${first} and ${second}`);
        }
      };
      connection.onChange({
        prepare: () => new Promise((resolve) => setTimeout(resolve, 30)),
        commit: async (change) => {
          handle(0)(change);
          await new Promise((resolve) => setTimeout(resolve, 20));
          look();
        },
      });
      connection.onChange(handle(1));
    },
  };
  return witness;
}
