import { parseName, type Result } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import { openConnection } from '../connection/connection.ts';
import { readSnapshot } from '../connection/retained.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { type Assignment, parseAssignment, toSettings } from '../input/assignment.ts';
import { type ChangePlan, needsDocument, planChange } from '../input/change-plan.ts';
import { acceptRestart, ifVersion, reason } from '../input/flags.ts';
import { type ChangeOptions, changeOptions } from '../input/request-options.ts';
import type { DefineVerb } from './verb.ts';

const setNotes = `
A section is merged: what it does not name stays. An item of a list is named by its number, or "-" to append; such a
change is made only if nobody changed the service meanwhile. Text that looks like JSON is given in quotes.

Examples:
  setpoint set stt-worker /vad/threshold=0.6 /whisper/model=small
  setpoint set stt-worker '/vad={"threshold":0.6}'
  setpoint set stt-worker /vocabulary/hotwords/-=Setpoint
  setpoint set tts-worker /voice/id='"007"'
  setpoint set stt-worker /whisper/language=null`;

export const define: DefineVerb = (command, act) => {
  command
    .option(...reason)
    .option(...ifVersion)
    .option(...acceptRestart)
    .option('--create', 'also where there is no such service yet')
    .addHelpText('after', setNotes)
    .action((service: string, assignments: string[], options: SetOptions) =>
      act((context) => set(service, assignments, options, context)),
    );
};

interface SetOptions extends ChangeOptions {
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

function withAdvice(result: Result): Result {
  const { problem } = result;
  if (result.status !== 'rejected' || problem?.code !== 'service_unknown') return result;
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
