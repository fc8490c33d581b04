import type { MemoryPacket } from '@setpoint/bus/memory';

/** What was done to whom, for whoever has to find out why a run failed. */
export interface FaultLog {
  /** The last of them, oldest first. */
  readonly lines: readonly string[];
  add(what: FaultKind, packet: MemoryPacket, lateMs?: number): void;
  note(text: string): void;
  /** The seed and the lines. */
  toString(): string;
}

export type FaultKind = 'lost' | 'cut' | 'stale' | 'doubled' | 'late' | 'overtaken' | 'held';

const keptLines = 500;

export function createFaultLog(seed: number): FaultLog {
  let lines: string[] = [];
  const beginMs = performance.now();
  const note = (text: string): void => {
    lines.push(`${(performance.now() - beginMs).toFixed(0).padStart(7)} ms  ${text}`);
    // Not at every line: a long run writes many.
    if (lines.length > 2 * keptLines) lines = lines.slice(-keptLines);
  };
  return {
    get lines() {
      return lines.slice(-keptLines);
    },
    note,
    add(what, { clientId, to, kind, topic, qos, retain }, lateMs) {
      const way = to === 'client' ? `to ${clientId}` : `from ${clientId}`;
      const late = lateMs === undefined ? '' : `, ${lateMs} ms`;
      note(`${what}: ${kind} ${topic} ${way}, QoS ${qos}${retain ? ', retained' : ''}${late}`);
    },
    toString: () => [`seed ${seed}; what the network did:`, ...lines.slice(-keptLines)].join('\n'),
  };
}
