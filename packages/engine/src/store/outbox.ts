import type { OutboxRow } from './store.ts';

/** What is still to be published, in the order it was stored. */
export interface Outbox {
  add(row: OutboxRow): void;
  /** Takes out the version and what is older; false where that was done before. */
  markSent(row: OutboxRow): boolean;
  /** Takes out versions that are no longer stored. */
  remove(service: string, versions: ReadonlySet<number>): void;
  pending(): readonly OutboxRow[];
}

/** Acknowledging a row costs a map entry; acknowledged rows are removed by `pending()`, or once they are half of all. */
export function createOutbox(): Outbox {
  const sent = new Map<string, number>();
  let rows: OutboxRow[] = [];
  let compactAt = 1024;

  const compact = () => {
    rows = rows.filter(({ service, version }) => version > (sent.get(service) ?? 0));
    compactAt = Math.max(1024, 2 * rows.length);
  };

  return {
    add(row) {
      rows.push(row);
      if (rows.length > compactAt) compact();
    },
    markSent({ service, version }) {
      if (version <= (sent.get(service) ?? 0)) return false;
      sent.set(service, version);
      return true;
    },
    remove(service, versions) {
      rows = rows.filter((row) => row.service !== service || !versions.has(row.version));
    },
    pending() {
      compact();
      return [...rows];
    },
  };
}
