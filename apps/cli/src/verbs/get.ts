import {
  anyName,
  createTopics,
  isJsonObject,
  type JsonValue,
  type Pointer,
  readPointer,
  type Snapshot,
  snapshotType,
} from '@setpoint/protocol';
import { type Connection, openConnection } from '../connection/connection.ts';
import { collectRetained, readSnapshot } from '../connection/retained.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { checkPointer } from '../input/assignment.ts';
import { maskSecrets } from '../output/masking.ts';
import { alignColumns } from '../output/table.ts';
import { printable, settingsOf, timeText, valueText } from '../output/value-text.ts';
import type { Settings } from '../settings.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option('--show-secrets', 'print secrets as they are')
    .action((service: string, pointer: string | undefined, options: GetOptions) =>
      act((context) => get(service, pointer, options, context)),
    );
};

interface GetOptions {
  readonly showSecrets?: boolean;
}

/** Prints the document of a service, or the value at a pointer, from the broker alone. */
export async function get(
  service: string,
  pointer: Pointer | undefined,
  { showSecrets = false }: GetOptions,
  context: Context,
): Promise<ExitCode> {
  const at = checkPointer(pointer ?? '');
  const snapshot = await read(service, context.settings);
  const found = readPointer(snapshot.values, at);
  if (found === undefined) throw noSetting(snapshot, at);
  const value = showSecrets ? found : maskSecrets(found, snapshot.secrets, at);
  if (context.printer.isJson) context.printer.json(describe(snapshot, pointer, value));
  else print(snapshot, at, value, context);
  return exitCodes.done;
}

async function read(service: string, settings: Settings): Promise<Snapshot> {
  await using connection = openConnection(settings);
  return (await readSnapshot(connection, service, settings)) ?? (await failWithNames(connection, service, settings));
}

async function failWithNames(connection: Connection, service: string, settings: Settings): Promise<never> {
  const filters = { [snapshotType]: createTopics(settings.prefix).snapshot(anyName) };
  const { [snapshotType]: snapshots } = await collectRetained(connection, filters, settings);
  const names = snapshots.map(({ data }) => data.service).sort();
  const known = names.length === 0 ? 'it has none at all; is the authority running?' : `it has ${names.join(', ')}`;
  throw new CommandError('refused', `the broker has no configuration of ${service}; ${known}`, {
    code: 'service_unknown',
  });
}

function noSetting({ service, version, values }: Snapshot, at: Pointer): CommandError {
  const parent = at.slice(0, at.lastIndexOf('/'));
  const section = readPointer(values, parent);
  const near = isJsonObject(section)
    ? `; ${parent === '' ? 'there is' : `${parent} has`} ${Object.keys(section).join(', ')}`
    : '';
  return new CommandError('refused', `${service} has no setting ${at} at version ${version}${near}`, {
    code: 'setting_unknown',
  });
}

function describe(snapshot: Snapshot, pointer: Pointer | undefined, value: JsonValue): object {
  const { service, epoch, version, digest, author, reason, committedAt, restartRequired, secrets } = snapshot;
  const stamp = { service, epoch, version, digest, author, reason, committedAt };
  return pointer === undefined ? { ...stamp, values: value, restartRequired, secrets } : { ...stamp, pointer, value };
}

/** A single value is printed bare, for scripts; a section as its settings. */
function print(snapshot: Snapshot, at: Pointer, value: JsonValue, { printer }: Context): void {
  if (at !== '' && !isJsonObject(value)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    printer.line(printer.isTerminal ? printable(text) : text);
    return;
  }
  if (at === '') printer.line(headline(snapshot, printer.style));
  const rows = settingsOf(value, at).map((setting) => [setting.pointer, valueText(setting.value)]);
  for (const line of alignColumns(rows, (cell, column) => (column === 0 ? printer.style('cyan', cell) : cell))) {
    printer.line(line);
  }
}

function headline(
  { service, version, author, committedAt, reason }: Snapshot,
  style: Context['printer']['style'],
): string {
  const why = reason === '' ? '' : `, ${JSON.stringify(reason)}`;
  const rest = ` version ${version}, ${timeText(committedAt)}, by ${printable(author)}${printable(why)}`;
  return style('bold', service) + style('dim', rest);
}
