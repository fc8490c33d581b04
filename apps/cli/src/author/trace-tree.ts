import {
  type Blame,
  type ConfigReport,
  type Explanation,
  isOverlapping,
  type JsonValue,
  type LayerValue,
  type Pointer,
} from '@setpoint/protocol';
import type { Standing } from '../output/fleet-status.ts';
import { printable, timeText, valueText } from '../output/value-text.ts';

/** The whole path of one value: from its layers to the processes that run it. */
export interface Trace {
  readonly service: string;
  readonly pointer: Pointer;
  readonly value: JsonValue;
  readonly hot: boolean;
  readonly secret: boolean;
  /** The one that wins, then what it hides. */
  readonly layers: readonly LayerValue[];
  /** Null where its history does not say. */
  readonly changed: Omit<Blame, 'pointer'> | null;
  /** Null where the broker has no snapshot. */
  readonly published: Published | null;
  readonly instances: readonly Running[];
}

export interface Published {
  readonly version: number;
  readonly committedAt: string;
  readonly author: string;
}

/** What a process has for the value. */
export interface Running {
  readonly id: string;
  readonly state: Standing['state'];
  readonly version: number | null;
  /** Left out where nobody can say. */
  readonly value?: JsonValue;
  readonly note: string | null;
}

export interface TraceSources {
  readonly service: string;
  readonly explanation: Explanation;
  readonly blame: readonly Blame[];
  readonly published: Published | undefined;
  readonly processes: readonly Process[];
  /** The value in a version of this epoch; undefined where it is not known. */
  valueAt(version: number, epoch: number | undefined): JsonValue | undefined;
}

/** A process as it stands, with what it reports of its configuration. */
export interface Process {
  readonly standing: Standing;
  readonly report: ConfigReport | undefined;
}

export function createTrace(sources: TraceSources): Trace {
  const { service, explanation, blame, published, processes } = sources;
  const { pointer, value, hot, secret, beneath, description: _, ...layer } = explanation;
  const who = blame.find((each) => each.pointer === pointer) ?? nearestBlame(blame, pointer);
  const here = processes.filter(({ standing }) => standing.service === service);
  return {
    service,
    pointer,
    value,
    hot,
    secret,
    layers: [{ ...layer, value }, ...beneath],
    changed: who
      ? { version: who.version, author: who.author, reason: who.reason, committedAt: who.committedAt }
      : null,
    published: published ?? null,
    instances: here.map((process) => describeProcess(process, sources)),
  };
}

/** What its version says is not what it runs where it waits for a restart, or something on its machine says otherwise. */
function describeProcess({ standing, report }: Process, { explanation, valueAt }: TraceSources): Running {
  const { id, state, version, note } = standing;
  const holds = (places: readonly Pointer[] = []): boolean =>
    places.some((place) => isOverlapping(place, explanation.pointer));
  const [isWaiting, isMasked] = [holds(report?.pendingRestart), holds(report?.masked)];
  const runs = version === null || isWaiting || isMasked ? undefined : valueAt(version, report?.epoch);
  const why = isWaiting ? 'takes it over at its next start' : isMasked ? 'has its own value' : note;
  return { id, state, version, ...(runs !== undefined && { value: runs }), note: why };
}

/** A place in a list is changed with its list. */
const nearestBlame = (blame: readonly Blame[], pointer: Pointer): Blame | undefined =>
  blame.filter((each) => pointer.startsWith(`${each.pointer}/`)).sort((a, b) => b.pointer.length - a.pointer.length)[0];

/** The path as a tree. */
export function traceLines(trace: Trace): string[] {
  const { service, pointer, value, hot, layers, changed, published, instances } = trace;
  const effect = hot ? 'live' : 'takes a restart';
  return [
    `${service} ${printable(pointer)} = ${valueText(value)} (${effect})`,
    ...branch('comes from', layers.map(layerText)),
    ...branch('last changed', [changed ? changedText(changed) : 'never since its history begins']),
    ...branch('published', [published ? publishedText(published) : 'not at all']),
    ...branch('runs', instances.length === 0 ? ['nowhere that anybody knows of'] : instances.map(runningText), true),
  ];
}

function branch(name: string, leaves: readonly string[], isLast = false): string[] {
  const rail = isLast ? '   ' : '│  ';
  return [
    `${isLast ? '└─' : '├─'} ${name}`,
    ...leaves.map((leaf, i) => `${rail}${i === leaves.length - 1 ? '└─' : '├─'} ${leaf}`),
  ];
}

function layerText(layer: LayerValue, index: number): string {
  const { name, file, line, author, version, at, reason } = layer;
  const parts = [
    name,
    file === undefined ? undefined : `${file}${line === undefined ? '' : `:${line}`}`,
    author === undefined ? undefined : `by ${author}`,
    version === undefined ? undefined : `version ${version}`,
    at === undefined ? undefined : timeText(at),
    reason ? JSON.stringify(reason) : undefined,
  ].filter((part) => part !== undefined);
  const place = parts.length === 0 ? '' : `, ${printable(parts.join(', '))}`;
  return `${layer.layer}: ${valueText(layer.value)}${place}${index === 0 ? '' : ' (hidden)'}`;
}

const changedText = ({ version, author, committedAt, reason }: Omit<Blame, 'pointer'>): string =>
  printable(
    `version ${version} by ${author}, ${timeText(committedAt)}${reason === '' ? '' : `, ${JSON.stringify(reason)}`}`,
  );

const publishedText = ({ version, author, committedAt }: Published): string =>
  printable(`version ${version} by ${author}, ${timeText(committedAt)}`);

function runningText({ id, state, version, value, note }: Running): string {
  const nothing = state === 'offline' ? 'nobody knows what it ran' : 'no configuration';
  const what = version === null ? nothing : `version ${version}${value === undefined ? '' : `: ${valueText(value)}`}`;
  return printable(`${id} (${state}), ${what}${note === null ? '' : `; ${note}`}`);
}
