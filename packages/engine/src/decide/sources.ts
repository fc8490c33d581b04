import { createProblem, isEqualJson, type Problem } from '@setpoint/protocol';
import type { Layer } from '../layer/layer.ts';
import { resolve } from '../layer/resolve.ts';
import { type MigratedSources, migrateSources } from '../migration/migrate-sources.ts';
import { runWithin } from '../rule/time-limit.ts';
import type { CompiledSchema } from '../schema/schema.ts';
import { answer, baseLayers, isDeleted, type ServiceState } from '../service-state.ts';
import { type Authorship, isSame, marksMore } from '../version/record.ts';
import type { DecideOptions, Decision, ReferenceChange, SourcesChange } from './change.ts';
import { accept, reject } from './decision.ts';
import { propose } from './propose.ts';
import { isFile, sourceWords } from './source-words.ts';

/** Decides what becomes of a service when its sources were read. */
export function decideSources(known: ServiceState, change: SourcesChange, options: DecideOptions): Decision {
  const { problem } = change;
  const before = { ...known, isRead: true };
  const schema = change.schema ?? (change.isSchemaBroken ? before.schema : undefined);
  const isUncheckable = change.isSchemaBroken === true && schema === undefined;
  if (problem) {
    // Without good files the last ones are kept, but a schema that can be read counts from now on.
    return reject({ ...before, schema, isUncheckable, sourceProblem: problem }, options, problem);
  }
  const kept = lastFile(before, change.layers);
  const migrated = migrateSafely(schema, kept ? [kept, ...change.layers] : change.layers, before);
  if ('problem' in migrated) {
    return reject({ ...before, isUncheckable, sourceProblem: migrated.problem }, options, migrated.problem);
  }
  const { layers, overrides, warnings } = migrated;
  const sourceProblem = kept ? missingFile(before) : undefined;
  const state = { ...before, schema, isUncheckable, layers, overrides, sourceProblem };
  const hasSource = isDeleted(before) ? layers.length > 0 : change.layers.length > 0 || before.layers.some(isOther);
  const unchanged = { result: answer(state, options.epoch, 'unchanged'), state };
  if (!hasSource && isDeleted(before)) return unchanged;
  const proposed = propose(state, layers, sourceAuthorship(before, layers), options);
  // Without any source there is nothing that could be wrong with one.
  if (!hasSource && ('problem' in proposed || !marksMore(before, proposed.record))) return unchanged;
  if ('problem' in proposed) {
    const invalid = createProblem('file_invalid', proposed.problem.detail, proposed.problem.errors);
    return reject(
      { ...before, isUncheckable, schema: before.schema ?? schema, sourceProblem: invalid },
      options,
      invalid,
    );
  }
  const told = [...warnings, ...proposed.warnings];
  return isSame(before, proposed.record) && !marksMore(before, proposed.record)
    ? { result: answer(before, options.epoch, 'unchanged', { warnings: told }), state }
    : accept(state, proposed.record, options, told);
}

/** How long the migrate function of a schema may take. Milliseconds. */
const migrateLimitMs = 100;

/** A schema module's own function may fail at a document that nobody thought of, or not end. */
function migrateSafely(
  schema: CompiledSchema | undefined,
  layers: readonly Layer[],
  { overrides }: ServiceState,
): MigratedSources | { readonly problem: Problem } {
  if (!schema?.migration) return { layers, overrides, warnings: [] };
  try {
    let migrated: MigratedSources | undefined;
    runWithin(migrateLimitMs, () => {
      migrated = migrateSources(schema, layers, overrides);
    });
    if (migrated) return migrated;
    const detail = `the migrate function of the schema took over ${migrateLimitMs} ms; the last good document stays`;
    return { problem: createProblem('file_invalid', detail) };
  } catch {
    // The message may repeat a secret.
    const detail = 'the migrate function of the schema failed at what the sources say; the last good document stays';
    return { problem: createProblem('file_invalid', detail) };
  }
}

const isOther = (layer: Layer): boolean => !isFile(layer);

/** The last content of a file that is gone; undefined when there is a file, or the service never had one. */
function lastFile(before: ServiceState, layers: readonly Layer[]): Layer | undefined {
  if (isDeleted(before) || layers.some(isFile)) return undefined;
  const last = before.layers.find(isFile);
  if (last || before.layers.length > 0) return last;
  const { values } = resolve({ ...before, layers });
  return isEqualJson(values, before.latest?.snapshot.values) ? undefined : baseLayers(before)[0];
}

/** A service goes on without its file, and says so until it is back or the service is deleted. */
const missingFile = ({ service }: ServiceState): Problem =>
  createProblem(
    'file_missing',
    `the file of ${service} is gone and its last document stays; put the file back, or delete the service`,
  );

/** The author of a version that sources make is the first source whose content has changed. */
function sourceAuthorship(before: ServiceState, layers: readonly Layer[]): Authorship {
  const isChanged = ({ name, document }: Layer): boolean =>
    !isEqualJson(document, before.layers.find((layer) => layer.name === name)?.document);
  const gone = before.layers.find(({ name }) => !layers.some((layer) => layer.name === name));
  const source = layers.find(isChanged) ?? gone ?? layers[0];
  if (!source) return { author: 'file', reason: 'the file changed' };
  const words = sourceWords[source.name];
  const verb = words.endsWith('s') ? ['were read', 'changed'] : ['was read', 'changed'];
  return { author: source.author, reason: `${words} ${isDeleted(before) ? verb[0] : verb[1]}` };
}

/** Decides a service anew after a service that it refers to has changed. */
export function decideReference(
  before: ServiceState,
  { to, version }: ReferenceChange,
  options: DecideOptions,
): Decision {
  if (isDeleted(before)) return { result: answer(before, options.epoch, 'unchanged'), state: before };
  const by = { author: `service:${to}`, reason: `${to} is at version ${version}, and this refers to it` };
  const proposed = propose(before, baseLayers(before), by, options);
  if ('problem' in proposed) {
    const invalid = createProblem('file_invalid', proposed.problem.detail, proposed.problem.errors);
    return reject({ ...before, sourceProblem: invalid }, options, invalid);
  }
  const state = before.sourceProblem?.code === 'file_missing' ? before : { ...before, sourceProblem: undefined };
  return isSame(before, proposed.record) && !marksMore(before, proposed.record)
    ? { result: answer(before, options.epoch, 'unchanged', { warnings: proposed.warnings }), state }
    : accept(state, proposed.record, options, proposed.warnings);
}
