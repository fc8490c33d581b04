import type { DraftSummary } from '@setpoint/protocol';
import { ask, conclude } from '../connection/ask.ts';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode } from '../exit-codes.ts';
import { parseAssignment, toSettings } from '../input/assignment.ts';
import { planChange } from '../input/change-plan.ts';
import { acceptRestart, ifVersion, reason } from '../input/flags.ts';
import { type ChangeOptions, changeOptions, parseLabel } from '../input/request-options.ts';
import { tableLines } from '../output/table.ts';
import { printable, timeText } from '../output/value-text.ts';
import { printDifferences } from './diff.ts';
import type { DefineVerb } from './verb.ts';

export const define: DefineVerb = (draft, act) => {
  draft
    .command('save <service> <draft> <pointer=value...>')
    .description('put settings into a draft; it is validated')
    .option(...reason)
    .action((service: string, draft: string, assignments: string[], options: ChangeOptions) =>
      act((context) => saveDraft(service, draft, assignments, options, context)),
    );
  draft
    .command('list <service>')
    .description('print the drafts of a service')
    .action((service: string) => act((context) => listDrafts(service, context)));
  draft
    .command('diff <service> <draft>')
    .description('print what publishing would change now')
    .action((service: string, draft: string) => act((context) => diffDraft(service, draft, context)));
  draft
    .command('publish <service> <draft>')
    .description('make it so, unless somebody changed the same settings meanwhile')
    .option(...reason)
    .option(...ifVersion)
    .option(...acceptRestart)
    .action((service: string, draft: string, options: ChangeOptions) =>
      act((context) => publishDraft(service, draft, options, context)),
    );
  draft
    .command('drop <service> <draft>')
    .description('forget a draft')
    .action((service: string, draft: string) => act((context) => dropDraft(service, draft, context)));
};

const parseName = (text: string): string => parseLabel(text, 'a draft');

/** Merges settings into a draft, which nobody runs; it is made where it is not there. */
async function saveDraft(
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
async function diffDraft(service: string, draft: string, context: Context): Promise<ExitCode> {
  const operation = { op: 'diff', from: 'present', to: { draft: parseName(draft) } } as const;
  return conclude(await ask(service, operation, context), context, ({ diff = [] }) => printDifferences(diff, context));
}

async function listDrafts(service: string, context: Context): Promise<ExitCode> {
  const result = await ask(service, { op: 'drafts' }, context);
  return conclude(result, context, ({ found }) => print(found?.drafts ?? [], context));
}

/** Makes the draft the document, where nobody has changed the same settings meanwhile. */
async function publishDraft(
  service: string,
  draft: string,
  options: ChangeOptions,
  context: Context,
): Promise<ExitCode> {
  const operation = { op: 'draft_publish', draft: parseName(draft), ...changeOptions(options) } as const;
  return conclude(await ask(service, operation, context), context);
}

async function dropDraft(service: string, draft: string, context: Context): Promise<ExitCode> {
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
