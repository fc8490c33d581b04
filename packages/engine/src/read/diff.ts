import { createProblem, type JsonObject, type LayerName, type Side } from '@setpoint/protocol';
import { mayRead } from '../access.ts';
import { mergeObjects } from '../layer/compose.ts';
import { writeSettings } from '../layer/overrides.ts';
import { isSecretIn } from '../schema/redact.ts';
import { baseLayers, isDeleted, type ServiceState, secretPlaces, secretTest } from '../service-state.ts';
import { findNumbered, findTagged } from '../version/find-version.ts';
import { type ComparedSide, differencesBetween } from './differences.ts';
import type { Read, ReadContext, ReadOutcome, Refused } from './read-context.ts';

/** Compares the two sides that a request names. */
export async function readDiff(
  state: ServiceState,
  { from, to }: Read<'diff'>,
  context: ReadContext,
): Promise<ReadOutcome> {
  const [before, after] = [await readSide(state, from, context), await readSide(state, to, context)];
  if ('problem' in before) return before;
  if ('problem' in after) return after;
  return { diff: differencesBetween(before, after) };
}

async function readSide(state: ServiceState, side: Side, context: ReadContext): Promise<ComparedSide | Refused> {
  const { service, latest } = state;
  const { store, identity, stateOf, preview } = context;
  const isSecret = secretTest(state);
  if (side === 'present') return { values: latest?.snapshot.values ?? {}, isSecret };
  if (typeof side === 'number') return ofVersion(state, await findNumbered(store, service, side));
  if ('tag' in side) return ofVersion(state, await findTagged(store, service, side.tag));
  if ('values' in side) return { values: side.values, isSecret, isGiven: true };
  if ('layer' in side) return { values: readLayer(state, side.layer), isSecret };
  if ('service' in side) {
    const other = stateOf(side.service);
    if (!mayRead(identity, side.service)) {
      return { problem: createProblem('access_denied', `this key is not for ${side.service}; ask with one that is`) };
    }
    if (isDeleted(other) || !other.latest) {
      return { problem: createProblem('service_unknown', `there is no service ${side.service}`) };
    }
    return { values: other.latest.snapshot.values, isSecret: secretTest(other) };
  }
  const draft = await store.findDraft(service, side.draft);
  if (!draft)
    return { problem: createProblem('draft_unknown', `${service} has no draft ${side.draft}; see its drafts`) };
  const previewed = preview(state, draft.patch);
  return 'problem' in previewed ? previewed : { values: previewed.values, isSecret };
}

function ofVersion(state: ServiceState, version: Awaited<ReturnType<typeof findNumbered>>): ComparedSide | Refused {
  if ('problem' in version) return version;
  const { values } = version.record.snapshot;
  return { values, isSecret: isSecretIn(secretPlaces(state, version.record.snapshot)) };
}

/** What one layer says by itself. */
function readLayer(state: ServiceState, name: LayerName): JsonObject {
  if (name === 'default') return state.schema?.fillDefaults({}) ?? {};
  if (name === 'runtime_update') return writeSettings({}, state.overrides);
  const layers = baseLayers(state).filter((layer) => layer.name === name);
  return layers.reduce<JsonObject>((lower, { document }) => mergeObjects(lower, document), {});
}
