import { type JsonValue, type Pointer, readPointer, type Snapshot } from '@setpoint/protocol';
import { createTrace, type Process, type Published, traceLines } from '../author/trace-tree.ts';
import { ask, conclude } from '../connection/ask.ts';
import { openConnection } from '../connection/connection.ts';
import { readSnapshot } from '../connection/retained.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { checkPointer } from '../input/assignment.ts';
import { readFleet } from '../output/fleet-status.ts';
import { maskSecrets } from '../output/masking.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command.action((service: string, pointer: string) => act((context) => trace(service, pointer, context)));
};

/** Prints the whole path of a value, or of each in a section: where it comes from, who changed it, who runs it. */
export async function trace(service: string, pointer: Pointer, context: Context): Promise<ExitCode> {
  const at = checkPointer(pointer);
  const explained = await ask(service, { op: 'explain', pointer: at }, context);
  if (explained.status !== 'found') return conclude(explained, context);
  const explanations = explained.found?.explanation ?? [];
  if (explanations.length === 0) {
    throw new CommandError('refused', `${service} has no setting ${at}`, { code: 'setting_unknown' });
  }
  const blamed = await ask(service, { op: 'blame', pointer: at }, context);
  if (blamed.status !== 'found') return conclude(blamed, context);
  const published = await readPublished(service, context);
  const processes = await readProcesses(context);
  const documents = await readVersions(service, published, processes, context);
  const traces = explanations.map((explanation) =>
    createTrace({
      service,
      explanation,
      blame: blamed.found?.blame ?? [],
      published: published && stampOf(published),
      processes,
      // Another epoch counts its versions anew.
      valueAt: (version, epoch) =>
        epoch === explained.epoch ? readValue(documents.get(version), explanation.pointer) : undefined,
    }),
  );
  const { printer } = context;
  if (printer.isJson) printer.json(traces);
  else for (const line of traces.flatMap(traceLines)) printer.line(line);
  return exitCodes.done;
}

async function readPublished(service: string, { settings }: Context): Promise<Snapshot | undefined> {
  await using connection = openConnection(settings);
  return await readSnapshot(connection, service, settings);
}

const stampOf = ({ version, committedAt, author }: Snapshot): Published => ({ version, committedAt, author });

const readValue = (document: JsonValue | undefined, pointer: Pointer): JsonValue | undefined =>
  document === undefined ? undefined : readPointer(document, pointer);

async function readProcesses({ settings }: Context): Promise<Process[]> {
  const { standings, reports } = await readFleet(settings);
  return standings.map((standing) => ({ standing, report: reports.get(standing.id) }));
}

/** The document of every version that somebody runs, secrets masked; the published one is at hand. */
async function readVersions(
  service: string,
  published: Snapshot | undefined,
  processes: readonly Process[],
  context: Context,
): Promise<ReadonlyMap<number, JsonValue>> {
  const documents = new Map<number, JsonValue>();
  if (published) documents.set(published.version, maskSecrets(published.values, published.secrets));
  const running = processes.filter(({ standing }) => standing.service === service).map(({ report }) => report?.version);
  for (const version of new Set(running)) {
    if (version === undefined || documents.has(version)) continue;
    const { found } = await ask(service, { op: 'show', version }, context);
    if (found?.document) documents.set(version, found.document);
  }
  return documents;
}
