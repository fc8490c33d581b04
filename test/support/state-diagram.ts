/** A state machine as data: every state against every event. */
export type TransitionTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The moves of a machine as a Mermaid state diagram; events that change nothing are left out, and so are arrows twice. */
export function drawStates(table: TransitionTable, { first, last }: { first: string; last: string }): string {
  const arrows = Object.entries(table).flatMap(([from, moves]) => arrowsOf(from, moves));
  return ['stateDiagram-v2', `  [*] --> ${first}`, ...arrows, `  ${last} --> [*]`].join('\n');
}

/** The same as a Markdown table: one row a state, one column an event; "·" where nothing changes. */
export function tabulateStates(table: TransitionTable): string {
  const events = Object.keys(Object.values(table)[0] ?? {});
  const rows = Object.entries(table).map(([from, moves]) => [
    `**${from}**`,
    ...events.map((event) => (moves[event] === from ? '·' : (moves[event] ?? '?'))),
  ]);
  return [['', ...events], ['---', ...events.map(() => '---')], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function arrowsOf(from: string, moves: Readonly<Record<string, string>>): string[] {
  const eventsByTarget = new Map<string, string[]>();
  for (const [event, to] of Object.entries(moves)) {
    if (to !== from) eventsByTarget.set(to, [...(eventsByTarget.get(to) ?? []), event]);
  }
  return [...eventsByTarget].map(([to, events]) => `  ${from} --> ${to}: ${events.join(', ')}`);
}
