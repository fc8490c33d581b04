import { type ExportFormat, exportFormats } from '@setpoint/protocol';
import { printOrWrite } from '../author/text-output.ts';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode } from '../exit-codes.ts';
import { force, out } from '../input/flags.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (command, act) => {
  command
    .option('--format <format>', 'yaml, json, kubernetes, compose, dotenv or tfvars', 'yaml')
    .option(...out)
    .option(...force)
    .action((service: string, options: ExportOptions) => act((context) => exportService(service, options, context)));
};

interface ExportOptions {
  readonly format: string;
  readonly out?: string;
  readonly force?: boolean;
}

/** Prints the configuration of a service for another tool, its secrets masked. */
async function exportService(service: string, options: ExportOptions, context: Context): Promise<ExitCode> {
  const format = parseFormat(options.format);
  const result = await ask(service, { op: 'export', format }, context);
  const text = result.found?.text;
  if (result.status !== 'found' || text === undefined) return conclude(result, context);
  return printOrWrite(text, result, options, context);
}

function parseFormat(text: string): ExportFormat {
  const format = exportFormats.find((known) => known === text);
  if (format) return format;
  throw new CommandError('usage', `--format must be one of ${exportFormats.join(', ')}, not "${text}"`);
}
