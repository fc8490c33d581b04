import { anyName, type Convergence, convergenceType, createTopics, type Health, healthType } from '@setpoint/protocol';
import { openConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { collectRetained } from '../retained.ts';
import type { Settings } from '../settings.ts';
import { alignColumns } from '../table.ts';
import { printable, timeText } from '../value-text.ts';

/** A process as it stands. */
export interface Standing {
  readonly id: string;
  readonly service: string;
  /** What it says of itself; `stale` where it says it is there and the authority has missed its signs of life. */
  readonly state: Health['state'] | 'stale';
  readonly ok: boolean;
  /** What it runs; null where it has no configuration. */
  readonly version: number | null;
  /** Where the configuration comes from. */
  readonly source: string | null;
  /** When it started. RFC 3339. */
  readonly since: string;
  readonly note: string | null;
}

/** Prints how the authority and every instance are. */
export async function health(context: Context): Promise<ExitCode> {
  const { settings, printer } = context;
  const standings = await readStandings(settings);
  if (printer.isJson) printer.json(standings);
  else print(standings, context);
  return exitCodes.done;
}

async function readStandings(settings: Settings): Promise<Standing[]> {
  await using connection = openConnection(settings);
  const topics = createTopics(settings.prefix);
  const filters = { [healthType]: topics.health(anyName), [convergenceType]: topics.convergence(anyName) };
  const found = await collectRetained(connection, filters, settings);
  return toStandings(found[healthType], found[convergenceType], settings.authority);
}

/** The authority first, then by service and id. */
export function toStandings(
  healths: readonly Health[],
  convergences: readonly Convergence[],
  authority: string,
): Standing[] {
  const silent = new Set(
    convergences.flatMap(({ stragglers }) =>
      stragglers.filter(({ standing }) => standing === 'offline').map(({ instance }) => instance),
    ),
  );
  const rank = ({ id, service }: Standing): string => `${id === authority ? '' : service} ${id}`;
  return healths
    .map((report) => toStanding(report, silent.has(report.instance)))
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

function toStanding(report: Health, isSilent: boolean): Standing {
  const { instance: id, service, startedAt: since, config } = report;
  const isStale = isSilent && report.state !== 'offline';
  return {
    id,
    service,
    state: isStale ? 'stale' : report.state,
    ok: report.ok && !isStale,
    version: config?.version ?? null,
    source: config?.source ?? null,
    since,
    note: noteOf(report, isStale),
  };
}

function noteOf({ event, error, config, state }: Health, isStale: boolean): string | null {
  if (isStale) return 'no sign of life';
  if (state === 'offline') return event === 'shutdown' ? 'stopped' : 'lost';
  if (error) return error.detail;
  if (config && config.pendingRestart.length > 0) return `restart needed for ${config.pendingRestart.join(', ')}`;
  return config?.source === 'cache' || config?.source === 'defaults' ? `runs on its ${config.source}` : null;
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
    timeText(since),
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
