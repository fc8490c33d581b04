import type { DraftSummary } from '@setpoint/protocol';
import { ask, conclude } from '../ask.ts';
import { parseAssignment, toSettings } from '../assignment.ts';
import { planChange } from '../change-plan.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode } from '../exit-codes.ts';
import { type ChangeOptions, changeOptions, parseLabel } from '../request-options.ts';
import { tableLines } from '../table.ts';
import { printable, timeText } from '../value-text.ts';
import { printDifferences } from './diff.ts';

const parseName = (text: string): string => parseLabel(text, 'a draft');

/** Merges settings into a draft, which nobody runs; it is made where it is not there. */
export async function saveDraft(
  service: string,
  draft: string,
  assignments: readonly string[],
  options: ChangeOptions,
  context: Context,
): Promise<ExitCode> {
  const { operation } = planChange(toSettings(assignments.map(parseAssignment)));
  if (operation.op !== 'merge') {
    throw new CommandError('usage', 'a draft takes settings and sections, no items of lists and no null');
  }
  const { patch } = operation;
  const saving = { op: 'draft_save', draft: parseName(draft), patch, ...changeOptions(options) } as const;
  return conclude(await ask(service, saving, context), context);
}

/** Prints what a draft would change now. */
export async function diffDraft(service: string, draft: string, context: Context): Promise<ExitCode> {
  const operation = { op: 'diff', from: 'present', to: { draft: parseName(draft) } } as const;
  return conclude(await ask(service, operation, context), context, ({ diff = [] }) => printDifferences(diff, context));
}

export async function listDrafts(service: string, context: Context): Promise<ExitCode> {
  const result = await ask(service, { op: 'drafts' }, context);
  return conclude(result, context, ({ found }) => print(found?.drafts ?? [], context));
}

/** Makes the draft the document, where nobody has changed the same settings meanwhile. */
export async function publishDraft(
  service: string,
  draft: string,
  options: ChangeOptions,
  context: Context,
): Promise<ExitCode> {
  const operation = { op: 'draft_publish', draft: parseName(draft), ...changeOptions(options) } as const;
  return conclude(await ask(service, operation, context), context);
}

export async function dropDraft(service: string, draft: string, context: Context): Promise<ExitCode> {
  return conclude(await ask(service, { op: 'draft_drop', draft: parseName(draft) }, context), context);
}

function print(drafts: readonly DraftSummary[], { printer }: Context): void {
  const rows = drafts.map((each) => [
    printable(each.draft),
    String(each.base),
    timeText(each.at),
    printable(each.author),
    printable(each.reason),
  ]);
  for (const line of tableLines(['DRAFT', 'FROM', 'TIME', 'AUTHOR', 'REASON'], rows, printer.style)) printer.line(line);
}
