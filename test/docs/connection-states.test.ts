import { drawStates, tabulateStates } from '@setpoint/test-support/state-diagram';
import { expect, it } from 'vitest';
import { connectionTransitions } from '../../packages/bus/src/session/connection-state.ts';

const states = ['idle', 'connecting', 'connected', 'reconnecting', 'draining', 'closed'];
const events = ['start', 'accepted', 'failed', 'lost', 'stop', 'ended'];

it('the transition table has an entry for every state and every event', () => {
  expect(Object.keys(connectionTransitions)).toEqual(states);
  for (const [from, moves] of Object.entries(connectionTransitions)) {
    expect([from, Object.keys(moves)]).toEqual([from, events]);
    for (const to of Object.values(moves)) expect(states).toContain(to);
  }
});

it('a connection that drains can only close, and a closed one stays closed', () => {
  expect(new Set(Object.values(connectionTransitions.draining))).toEqual(new Set(['draining', 'closed']));
  expect(new Set(Object.values(connectionTransitions.closed))).toEqual(new Set(['closed']));
});

it('a connection can be stopped in every state', () => {
  for (const from of ['idle', 'connecting', 'connected', 'reconnecting'] as const) {
    expect(connectionTransitions[from].stop).toBe('draining');
  }
});

// After a change of the table: vitest run test/docs/connection-states --update
it('docs/guide/connection-states.md draws the transition table as it is', async () => {
  const page = `# The states of a connection

\`bus.status.kind\` is one of these; \`bus.onStatus\` reports every transition. The diagram and the table are made from
\`packages/bus/src/session/connection-state.ts\`, the table that the connection itself uses; a test keeps them the same.

\`\`\`mermaid
${drawStates(connectionTransitions, { first: 'idle', last: 'closed' })}
\`\`\`

| event | when |
| --- | --- |
| start | \`connect()\`, or \`start()\` of a bus, was called |
| accepted | a broker has accepted this client |
| failed | an attempt failed; the next one follows after its delay |
| lost | the connection ended without a stop, or was given up as dead |
| stop | \`stop()\` was called, or the start was aborted |
| ended | everything in flight has been answered or given up, and the sockets are closed |

The state that follows a state (rows) at an event (columns); "·" means that it stays.

${tabulateStates(connectionTransitions)}
`;
  await expect(page).toMatchFileSnapshot('../../docs/guide/connection-states.md');
});
