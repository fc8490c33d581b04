import { drawStates, tabulateStates } from '@setpoint/test-support/state-diagram';
import { expect, it } from 'vitest';
import { connectionTransitions } from '../../packages/bus/src/session/connection-state.ts';

const states = ['idle', 'connecting', 'connected', 'reconnecting', 'draining', 'closed'];
const events = ['start', 'accepted', 'failed', 'lost', 'stop', 'ended'];

it('knows what becomes of every state at every event', () => {
  expect(Object.keys(connectionTransitions)).toEqual(states);
  for (const [from, moves] of Object.entries(connectionTransitions)) {
    expect([from, Object.keys(moves)]).toEqual([from, events]);
    for (const to of Object.values(moves)) expect(states).toContain(to);
  }
});

it('never comes back from draining but to the end, and from there nowhere', () => {
  expect(new Set(Object.values(connectionTransitions.draining))).toEqual(new Set(['draining', 'closed']));
  expect(new Set(Object.values(connectionTransitions.closed))).toEqual(new Set(['closed']));
});

it('can be stopped in every state', () => {
  for (const from of ['idle', 'connecting', 'connected', 'reconnecting'] as const) {
    expect(connectionTransitions[from].stop).toBe('draining');
  }
});

// After a change of the table: vitest run test/contract/client-states --update
it('is drawn in the documentation as it is', async () => {
  const page = `# The states of a connection

\`bus.status.kind\` is one of these; \`bus.onStatus\` tells every move. The diagram and the table are made from
\`packages/bus/src/session/connection-state.ts\`, which the connection itself moves by; a test keeps them the same.

\`\`\`mermaid
${drawStates(connectionTransitions, { first: 'idle', last: 'closed' })}
\`\`\`

| event | when |
| --- | --- |
| start | \`connect()\`, or \`start()\` of a bus, was called |
| accepted | a broker has accepted this client |
| failed | an attempt came to nothing; the next one follows after its delay |
| lost | the connection ended without our stopping it, or was dropped as dead |
| stop | \`stop()\` was called, or the start was aborted |
| ended | what was under way has been answered or given up, and everything is closed |

What becomes of a state (rows) at an event (columns); "·": it stays.

${tabulateStates(connectionTransitions)}
`;
  await expect(page).toMatchFileSnapshot('../../docs/guide/connection-states.md');
});
