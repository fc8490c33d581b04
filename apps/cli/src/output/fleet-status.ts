import { createOperator } from '@setpoint/client/operator';
import {
  anyName,
  type ConfigReport,
  type Convergence,
  convergenceType,
  createTopics,
  type Health,
  healthType,
  type KnownInstance,
  SetpointError,
  type Straggler,
} from '@setpoint/protocol';
import { type Connection, openConnection } from '../connection/connection.ts';
import { type CollectedMessage, collectRetained } from '../connection/retained.ts';
import { CommandError } from '../exit-codes.ts';
import type { Settings } from '../settings.ts';

/** A process as it stands. */
export interface Standing {
  readonly id: string;
  readonly service: string;
  /** What it says of itself; `stale` where it says it is there and the authority has missed its signs of life. */
  readonly state: Health['state'] | 'stale';
  readonly ok: boolean;
  /** What it runs, or ran until it went; null where it has no configuration, or nobody knows. */
  readonly version: number | null;
  /** Where the configuration comes from. */
  readonly source: string | null;
  /** From when on it is in this state and runs this version; null where nobody knows. RFC 3339. */
  readonly since: string | null;
  /** When the process started. RFC 3339. */
  readonly startedAt: string;
  readonly note: string | null;
}

/** Everyone who has reported. */
export interface Fleet {
  /** The authority first, then by service and id. */
  readonly standings: readonly Standing[];
  /** What each one that was not lost says of its configuration. */
  readonly reports: ReadonlyMap<string, ConfigReport>;
  /** Why the authority was not asked: what the broker has kept does not say when one was lost. */
  readonly unasked?: string;
}

/** An authority that is there answers at once; else what the broker has kept is soon enough. Milliseconds. */
const answerMs = 2000;
const pageSize = 100;

/**
 * How all processes are: from the authority, which looks on all the time, and from what the broker has kept where it
 * does not answer.
 * @throws CommandError where the broker does not answer
 */
export async function readFleet(settings: Settings): Promise<Fleet> {
  await using connection = openConnection(settings);
  const topics = createTopics(settings.prefix);
  const filters = { [healthType]: topics.health(anyName), [convergenceType]: topics.convergence(anyName) };
  const found = await collectRetained(connection, filters, settings);
  const healths = found[healthType];
  const kept = keptInstances(
    healths,
    found[convergenceType].map(({ data }) => data),
  );
  const answer = await askForInstances(connection, kept, settings);
  const known = typeof answer === 'string' ? [] : answer;
  return {
    standings: toStandings(known, kept, settings.authority),
    reports: new Map(
      healths.flatMap(({ data: { instance, event, config } }) =>
        config && event !== 'lost' ? [[instance, config]] : [],
      ),
    ),
    ...(typeof answer === 'string' && { unasked: answer }),
  };
}

/** What the authority knows, or why it does not say. */
async function askForInstances(
  { bus, failed }: Connection,
  kept: readonly KnownInstance[],
  settings: Settings,
): Promise<KnownInstance[] | string> {
  const { authority } = settings;
  const own = kept.find(({ instance }) => instance === authority);
  if (!own || own.state === 'offline') return `${authority} is not there`;
  const operator = createOperator({ bus, ...settings, timeoutMs: Math.min(settings.timeoutMs, answerMs) });
  const instances: KnownInstance[] = [];
  try {
    for (;;) {
      const after = instances.at(-1)?.instance;
      const operation = { op: 'instances', limit: pageSize, ...(after !== undefined && { after }) } as const;
      const { found, problem } = await Promise.race([failed, operator.request(authority, operation)]);
      if (problem) return problem.detail;
      const page = found?.instances ?? [];
      instances.push(...page);
      if (page.length < pageSize) return instances;
    }
  } catch (cause) {
    if (cause instanceof SetpointError || cause instanceof CommandError) return cause.message;
    throw cause;
  }
}

/** What the broker has kept: nobody says when one was lost, and what it ran only where it is among the stragglers. */
export function keptInstances(
  healths: readonly CollectedMessage<Health>[],
  convergences: readonly Convergence[],
): KnownInstance[] {
  const away = new Map(
    convergences.flatMap(({ stragglers }) =>
      stragglers.filter(({ standing }) => standing === 'offline').map((straggler) => [straggler.instance, straggler]),
    ),
  );
  return healths.map((health) => toKept(health, away.get(health.data.instance)));
}

function toKept({ data, time }: CollectedMessage<Health>, straggler: Straggler | undefined): KnownInstance {
  const { instance, service, ok, state, event, startedAt, error, config } = data;
  const isLost = event === 'lost';
  const silent = straggler !== undefined && state !== 'offline';
  // A Last Will was written at connect.
  const version = isLost ? straggler?.version : config?.version;
  return {
    instance,
    service,
    ok,
    state,
    event,
    startedAt,
    silent,
    standing: null,
    since: isLost || silent ? null : time,
    ...(version !== undefined && { version }),
    ...(config && !isLost && { source: config.source, pendingRestart: config.pendingRestart }),
    ...(error && { detail: error.detail }),
  };
}

/** `known` goes before `kept`; those whom the authority has forgotten, and itself, are only in that. */
export function toStandings(
  known: readonly KnownInstance[],
  kept: readonly KnownInstance[],
  authority: string,
): Standing[] {
  const all = new Map([...kept, ...known].map((each) => [each.instance, each]));
  const rank = ({ id, service }: Standing): string => `${id === authority ? '' : service} ${id}`;
  return [...all.values()].map(toStanding).sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

function toStanding(instance: KnownInstance): Standing {
  const isStale = instance.silent && instance.state !== 'offline';
  return {
    id: instance.instance,
    service: instance.service,
    state: isStale ? 'stale' : instance.state,
    ok: instance.ok && !isStale,
    version: instance.version ?? null,
    source: instance.source ?? null,
    since: instance.since,
    startedAt: instance.startedAt,
    note: noteOf(instance, isStale),
  };
}

function noteOf({ event, detail, source, pendingRestart = [], state }: KnownInstance, isStale: boolean): string | null {
  if (isStale) return 'no sign of life';
  if (state === 'offline') return event === 'shutdown' ? 'stopped' : 'lost';
  if (detail !== undefined) return detail;
  if (pendingRestart.length > 0) return `restart needed for ${pendingRestart.join(', ')}`;
  return source === 'cache' || source === 'defaults' ? `runs on its ${source}` : null;
}
