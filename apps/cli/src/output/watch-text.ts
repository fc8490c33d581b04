import type { Difference } from '@setpoint/protocol';
import type { Style } from './printer.ts';
import { alignColumns } from './table.ts';
import { differenceText, printable } from './value-text.ts';
import type { ChangeEvent, ConvergenceEvent, Revision, WatchEvent } from './watch-events.ts';

/** An event as lines for people. */
export function eventLines(event: WatchEvent, style: Style): string[] {
  switch (event.kind) {
    case 'present':
      return [style('dim', `${event.service} is at version ${event.version}${byWhom(event)}`)];
    case 'change':
      return changeLines(event, style);
    case 'deleted':
      return [style('yellow', `${event.service} was deleted`)];
    case 'convergence':
      return [convergenceLine(event, style), ...rejectionLines(event)];
    case 'conflict': {
      const headline = `conflict: ${printable(event.overwrittenBy)} overwrote your change of ${event.service} with version ${event.version}`;
      return [style('yellow', headline), ...differenceLines(event.changes, style)];
    }
    case 'ignored':
      return [style('red', `ignored a message on ${printable(event.topic)}: ${printable(event.reason)}`)];
  }
}

function changeLines(event: ChangeEvent, style: Style): string[] {
  const { service, version, previousVersion, changes } = event;
  const missed =
    previousVersion !== null && previousVersion < version - 1 ? ` (${previousVersion} was seen before)` : '';
  const headline = `${style('bold', `${service} version ${version}`)}${missed}${byWhom(event)}`;
  if (previousVersion === null)
    return [headline, `  new, with ${changes.length} ${changes.length === 1 ? 'setting' : 'settings'}`];
  return [headline, ...differenceLines(changes, style)];
}

const byWhom = ({ author, reason }: Revision): string =>
  `, by ${printable(author)}${reason === '' ? '' : `: ${printable(reason)}`}`;

const differenceLines = (changes: readonly Difference[], style: Style): string[] =>
  alignColumns(
    changes.map((change) => [
      `  ${change.pointer === '' ? '(all)' : printable(change.pointer)}`,
      differenceText(change),
    ]),
    (cell, column) => (column === 0 ? style('cyan', cell) : cell),
  );

function convergenceLine({ service, version, running, live, instances }: ConvergenceEvent, style: Style): string {
  const { pending, rejected, restartPending, offline } = instances;
  const rest = [
    ...(pending > 0 ? [`${pending} pending`] : []),
    ...(rejected > 0 ? [`${rejected} rejected it`] : []),
    ...(restartPending > 0 ? [`${restartPending} to be restarted`] : []),
    ...(offline > 0 ? [`${offline} offline`] : []),
  ].join(', ');
  const count = live === 0 ? `no instance is running` : `${running} of ${live} instances run version ${version}`;
  const isDone = live > 0 && running === live && restartPending === 0;
  return style(
    rejected > 0 ? 'red' : isDone ? 'green' : 'yellow',
    `${service}: ${count}${rest === '' ? '' : ` (${rest})`}`,
  );
}

const rejectionLines = ({ stragglers }: ConvergenceEvent): string[] =>
  stragglers
    .filter(({ standing }) => standing === 'rejected')
    .map(({ instance, message = 'it did not say why' }) => `  ${instance}  ${printable(message)}`);
