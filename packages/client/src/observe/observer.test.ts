import type { TraceSpan } from '@setpoint/participant';
import { snapshotOf } from '@setpoint/test-support/samples';
import { expect, it } from 'vitest';
import { received } from '../../test/opened-configuration.ts';
import { createObserver } from './observer.ts';

const fail = (): never => {
  throw new Error('the exporter is shut down');
};
const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const span: TraceSpan = { traceparent: parent, run: (work) => work(), end: () => undefined };

it.each<[string, () => TraceSpan]>([
  ['start', fail],
  ['run', () => ({ ...span, run: fail })],
  ['end', () => ({ ...span, end: fail })],
])('a tracing library that fails at %s changes nothing of what it observes', async (_, start) => {
  const observer = createObserver({ service: 'vad', instance: 'vad-1', tracing: { start } });
  const cause = { ...received(snapshotOf(1)), traceparent: parent };
  observer.reception({ kind: 'apply', received: cause }, 100);
  let works = 0;
  let working: Promise<void> | undefined;
  await observer.applying(cause, 'live', () => {
    working ??= Promise.resolve().then(() => void works++);
    return working;
  });
  expect(works).toBe(1);
});
