import { parseName, type Result } from '@setpoint/protocol';
import { ask, conclude } from '../ask.ts';
import { type Assignment, parseAssignment, toSettings } from '../assignment.ts';
import { type ChangePlan, needsDocument, planChange } from '../change-plan.ts';
import { openConnection } from '../connection.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { type ChangeOptions, changeOptions } from '../request-options.ts';
import { readSnapshot } from '../retained.ts';

export interface SetOptions extends ChangeOptions {
  readonly create?: boolean;
}

/** Sets settings of a service: all of them in one request, or none. */
export async function set(
  service: string,
  assignments: readonly string[],
  { create = false, ...options }: SetOptions,
  context: Context,
): Promise<ExitCode> {
  parseName(service, 'a service');
  const settings = toSettings(assignments.map(parseAssignment));
  const requestOptions = changeOptions(options);
  const { plan, version } = await makePlan(service, settings, context);
  const result = await ask(
    service,
    {
      ...plan.operation,
      // Who expects a version, be it 0, knows what is there.
      ...(!create && requestOptions.expectedVersion === undefined && { create }),
      ...(plan.isBoundToDocument && version !== undefined && { expectedVersion: version }),
      ...requestOptions,
    },
    context,
  );
  return conclude(withAdvice(result), context);
}

function withAdvice({ problem, ...result }: Result): Result {
  if (problem?.code !== 'service_unknown') return { ...result, ...(problem && { problem }) };
  const detail = `${problem.detail}${problem.detail.endsWith('?') ? '' : '.'} To make one of this name, add --create`;
  return { ...result, problem: { ...problem, detail } };
}

async function makePlan(
  service: string,
  assignments: readonly Assignment[],
  { settings }: Context,
): Promise<{ plan: ChangePlan; version?: number | undefined }> {
  if (!needsDocument(assignments)) return { plan: planChange(assignments) };
  await using connection = openConnection(settings);
  const snapshot = await readSnapshot(connection, service, settings);
  return { plan: planChange(assignments, snapshot?.values), version: snapshot?.version };
}
