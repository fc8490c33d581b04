import { type Explanation, type Pointer, readPointer } from '@setpoint/protocol';
import { unpackSources } from '../layer/packed-sources.ts';
import { resolve } from '../layer/resolve.ts';
import { isSecretIn } from '../schema/redact.ts';
import { baseLayers, type ServiceState, schemasOf, secretPlaces, secretTest } from '../service-state.ts';
import type { VersionRecord } from '../store/store.ts';
import { findMoment } from '../version/find-version.ts';
import { explain } from './explain.ts';
import { found, noSetting, type Read, type ReadContext, type ReadOutcome } from './read-context.ts';

/** Explains a place in the version that the request names, or in the present one. */
export async function readExplanation(
  state: ServiceState,
  latest: VersionRecord,
  request: Read<'explain'>,
  context: ReadContext,
): Promise<ReadOutcome> {
  const { pointer = '' } = request;
  const at = await findMoment(context.store, state.service, request, latest);
  if ('problem' in at) return at;
  const isPresent = at.record.snapshot.version === latest.snapshot.version;
  const explanation = isPresent
    ? explainNow(state, pointer, context)
    : await explainThen(state, at.record, pointer, context);
  return explanation.length > 0 ? found({ explanation }) : noSetting(state.service, pointer);
}

/** States are never changed in place, so the explanation of a whole document is valid as long as its state. */
const explained = new WeakMap<ServiceState, readonly Explanation[]>();

/** Explains a place in the present version. */
export function explainNow(state: ServiceState, pointer: Pointer, context: ReadContext): readonly Explanation[] {
  const known = pointer === '' ? explained.get(state) : undefined;
  if (known) return known;
  const explanation = explainAfresh(state, pointer, context);
  if (pointer === '') explained.set(state, explanation);
  return explanation;
}

function explainAfresh(state: ServiceState, pointer: Pointer, { findService }: ReadContext): Explanation[] {
  const { schema, overrides, latest } = state;
  const resolved = resolve({ schema, layers: baseLayers(state), overrides, findService });
  const restartRequired = latest?.snapshot.restartRequired ?? [];
  return explain({ resolved, schemas: schemasOf(state), isSecret: secretTest(state), restartRequired }, pointer);
}

/** By the layers that the version was made of. */
async function explainThen(
  state: ServiceState,
  record: VersionRecord,
  pointer: Pointer,
  { store, findService }: ReadContext,
): Promise<Explanation[]> {
  const { values, version, restartRequired } = record.snapshot;
  const stored = await store.findLayers(state.service, version);
  const { layers, schema } = stored?.sources
    ? unpackSources(stored.sources, state.schema)
    : { layers: [], schema: undefined };
  const resolved = resolve({ schema, layers, overrides: stored?.overrides ?? [], findService });
  const isSecret = isSecretIn(secretPlaces(state, record.snapshot));
  const schemas = schema ? [schema] : schemasOf(state);
  const explanation = explain({ resolved: { ...resolved, values }, schemas, isSecret, restartRequired }, pointer);
  // What another service said then is in the document, and may be another thing now.
  return explanation.map((each) =>
    each.secret ? each : { ...each, value: readPointer(values, each.pointer) ?? each.value },
  );
}
