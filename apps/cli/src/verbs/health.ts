import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { readFleet, type Standing } from '../output/fleet-status.ts';
import { alignColumns } from '../output/table.ts';
import { printable, timeText } from '../output/value-text.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command.action(() => act((context) => health(context)));
};

/** Prints how the authority and every instance are. */
export async function health(context: Context): Promise<ExitCode> {
  const { printer } = context;
  const { standings, unasked } = await readFleet(context.settings);
  if (unasked !== undefined && standings.length > 0) {
    const what = 'this is what the broker has kept, which does not say when one was lost';
    printer.error(`${printer.errorStyle('yellow', 'warning:')} ${printable(unasked)}; ${what}`);
  }
  if (printer.isJson) printer.json(standings);
  else print(standings, context);
  return exitCodes.done;
}

const colours = {
  starting: 'yellow',
  ready: 'green',
  degraded: 'yellow',
  stopping: 'yellow',
  offline: 'red',
  stale: 'red',
} as const;

function print(standings: readonly Standing[], { printer, settings }: Context): void {
  if (standings.length === 0) {
    printer.line('nobody has reported on this broker and prefix; is the authority running?');
    return;
  }
  const rows = standings.map(({ id, service, state, version, since, note }) => [
    id,
    id === settings.authority ? '-' : service,
    state,
    version === null ? '-' : String(version),
    since === null ? '-' : timeText(since),
    printable(note ?? ''),
  ]);
  const paint = (cell: string, column: number, row: number): string => {
    if (row === 0) return printer.style('bold', cell);
    return column === 2 ? printer.style(colours[cell as Standing['state']], cell) : cell;
  };
  for (const line of alignColumns([['ID', 'SERVICE', 'STATE', 'VERSION', 'SINCE', 'NOTE'], ...rows], paint)) {
    printer.line(line);
  }
}
