import { createOperator, type OperatorRequestOptions } from '@setpoint/client/operator';
import { findTracing } from '@setpoint/participant';
import { type Operation, parseName, type Result } from '@setpoint/protocol';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodeOf } from '../exit-codes.ts';
import { outcomeLines, problemLines } from '../output/result-text.ts';
import { openConnection } from './connection.ts';

/** Asks the authority, over a connection of its own. */
export async function ask(
  service: string,
  operation: Operation & OperatorRequestOptions,
  { settings }: Context,
): Promise<Result> {
  parseName(service, 'a service');
  const tracing = await findTracing();
  await using connection = openConnection(settings);
  const { bus, failed } = connection;
  const operator = createOperator({ bus, ...settings, tracing });
  // Awaited here: the connection is closed when this function returns.
  return await Promise.race([failed, operator.request(service, operation)]);
}

/** Prints a result and says how it ended. `found` prints what was asked for. */
export function conclude(
  result: Result,
  { printer }: Context,
  found: (result: Result) => void = () => undefined,
): ExitCode {
  const exitCode = exitCodeOf(result.status);
  if (printer.isJson) printer.json(result);
  else if (exitCode !== 0) printError(printer.errorStyle, printer.error, problemLines(result));
  else if (result.status === 'found') found(result);
  else printOutcome(printer.style, printer.line, outcomeLines(result));
  return exitCode;
}

type Write = (text: string) => void;
type Paint = Context['printer']['style'];

function printError(style: Paint, write: Write, [headline = '', ...lines]: readonly string[]): void {
  write(`${style('red', 'setpoint:')} ${headline}`);
  for (const line of lines) write(line);
}

function printOutcome(style: Paint, write: Write, [headline = '', ...lines]: readonly string[]): void {
  write(style('green', headline));
  for (const line of lines) write(/^(warning|restart needed):/.test(line) ? style('yellow', line) : line);
}
