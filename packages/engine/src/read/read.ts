import {
  createProblem,
  type Explanation,
  type Found,
  isReadOperation,
  isStoreOperation,
  type JsonObject,
  type LayerName,
  type LogEntry,
  type Pointer,
  type Problem,
  type Request,
  type Result,
  readPointer,
  SetpointError,
  type Side,
} from '@setpoint/protocol';
import { authorise, type Identity, mayRead } from '../access.ts';
import type { InstanceState } from '../convergence.ts';
import { exportDocument } from '../export/export-document.ts';
import { redactDocument } from '../export/redacted-document.ts';
import { mergeObjects } from '../layer/compose.ts';
import { writeSettings } from '../layer/overrides.ts';
import { unpackSources } from '../layer/packed-sources.ts';
import type { FindService } from '../layer/references.ts';
import { previewMigration } from '../migration/preview.ts';
import { isSecretIn } from '../redact.ts';
import { resolve } from '../resolve.ts';
import { compileSchema } from '../schema.ts';
import {
  answer,
  baseLayers,
  isDeleted,
  type ServiceState,
  schemasOf,
  secretPlaces,
  secretTest,
} from '../service-state.ts';
import type { HistoryEntry, HistoryQuery, Store, VersionRecord, VersionSummary } from '../store/store.ts';
import { findMoment, findNumbered, findTagged } from '../version/find-version.ts';
import { blame } from './blame.ts';
import { type ComparedSide, differencesBetween } from './diff.ts';
import { explain } from './explain.ts';
import { verifyChains } from './fsck.ts';
import { pageOfInstances } from './known-instances.ts';
import { search } from './search.ts';

export type ReadRequest = Extract<
  Request,
  {
    op:
      | 'log'
      | 'diff'
      | 'show'
      | 'explain'
      | 'blame'
      | 'tags'
      | 'drafts'
      | 'export'
      | 'schema'
      | 'preview_schema'
      | 'profiles'
      | 'history'
      | 'search'
      | 'instances'
      | 'fsck';
  }
>;
/** Is it a request that only looks? */
export const isReadRequest = (request: Request): request is ReadRequest => isReadOperation(request);

type Read<Op extends ReadRequest['op']> = Extract<ReadRequest, { op: Op }>;
type StoreRead = Read<'profiles' | 'history' | 'search' | 'instances' | 'fsck'>;

/** What reading looks at besides the service. */
export interface ReadContext {
  readonly store: Store;
  readonly identity: Identity;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** Every service that exists. */
  readonly states: () => readonly ServiceState[];
  readonly instances: () => readonly InstanceState[];
  readonly stateOf: (service: string) => ServiceState;
  readonly findService: FindService;
  /** The document that a merge would make. */
  readonly preview: (state: ServiceState, patch: JsonObject) => { readonly values: JsonObject } | Refused;
}

interface Refused {
  readonly problem: Problem;
}

/** What is added to an answer, or why there is none. */
type Outcome = Pick<Result, 'log' | 'diff' | 'found'> | Refused;

const defaultLogLimit = 50;
const defaultHits = 50;

/** Answers what only looks; asked by the same rules as what changes. */
export async function read(state: ServiceState, request: ReadRequest, context: ReadContext): Promise<Result> {
  const { epoch } = context.store;
  const denied = authorise(context.identity, request);
  if (denied) return answer(state, epoch, 'denied', { problem: createProblem('access_denied', denied) });
  const outcome = isStoreOperation(request)
    ? await readStore(request, context)
    : await readService(state, request, context);
  return 'problem' in outcome ? answer(state, epoch, 'rejected', outcome) : answer(state, epoch, 'found', outcome);
}

async function readStore(request: StoreRead, { store, states, instances, identity }: ReadContext): Promise<Outcome> {
  switch (request.op) {
    case 'profiles':
      return found({ profiles: await store.profiles() });
    case 'history': {
      const { of: service, limit = defaultLogLimit, before, by: author, since, pointer } = request;
      const query = { ...given({ service, before, author, since, pointer }), limit };
      const entries =
        service === undefined || mayRead(identity, service) ? await listReadable(store, query, identity) : [];
      return {
        log: entries.map((entry) => ({ service: entry.snapshot.service, commit: entry.commit, ...toLogEntry(entry) })),
      };
    }
    case 'search': {
      const { text, limit = defaultHits } = request;
      const services = states().filter(({ service }) => mayRead(identity, service));
      return found({ hits: search(services.map(toSearchable), text, limit) });
    }
    case 'instances':
      return found({ instances: pageOfInstances(instances(), request, identity) });
    case 'fsck': {
      const { verified, faults } = await verifyChains(store);
      return found({ verified, faults });
    }
  }
}

/** As many as were asked for, however many there are of services that are not for who asks. */
async function listReadable(store: Store, query: HistoryQuery, identity: Identity): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = [];
  let page = await store.listHistory(query);
  for (;;) {
    entries.push(...page.filter(({ snapshot }) => mayRead(identity, snapshot.service)));
    const before = page.at(-1)?.commit;
    if (entries.length >= query.limit || page.length < query.limit || before === undefined) break;
    page = await store.listHistory({ ...query, before });
  }
  return entries.slice(0, query.limit);
}

const found = (content: Found): Outcome => ({ found: content });

/** Without the members that are undefined. */
const given = <T extends object>(members: T): { [Key in keyof T]: Exclude<T[Key], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;

const toSearchable = (state: ServiceState) => ({
  service: state.service,
  values: state.latest?.snapshot.values ?? {},
  isSecret: secretTest(state),
  shapes: schemasOf(state).map(({ shape }) => shape),
});

type ServiceRead = Exclude<ReadRequest, StoreRead>;

async function readService(state: ServiceState, request: ServiceRead, context: ReadContext): Promise<Outcome> {
  const { service, latest } = state;
  const { store } = context;
  if (!latest) {
    // A schema is asked for before there is a service, and may be there already.
    const isKnown = request.op === 'schema' && (state.schema !== undefined || state.contracts.length > 0);
    if (!isKnown) return { problem: createProblem('service_unknown', `there is no service ${service}`) };
    return found({ schema: schemaOf(state) });
  }
  // Of a service that is deleted there is only a history.
  const isPast = 'version' in request || 'tag' in request || 'at' in request;
  if (isDeleted(state) && ['show', 'explain', 'blame', 'export'].includes(request.op) && !isPast) {
    return { problem: createProblem('service_unknown', `${service} was deleted; see its log`) };
  }
  switch (request.op) {
    case 'log': {
      const { limit = defaultLogLimit, before, by: author, since, pointer } = request;
      const page = await store.listVersions(service, { ...given({ before, author, since, pointer }), limit });
      return { log: page.map(toLogEntry) };
    }
    case 'diff':
      return readDiff(state, request, context);
    case 'show': {
      const at = await findMoment(store, service, request, latest);
      return 'problem' in at ? at : show(state, at.record);
    }
    case 'explain':
      return readExplanation(state, latest, request, context);
    case 'blame': {
      const { pointer = '' } = request;
      const value = readPointer(latest.snapshot.values, pointer);
      if (value === undefined) return noSetting(service, pointer);
      return found({ blame: await blame(value, pointer, newestFirst(store, service)) });
    }
    case 'tags':
      return found({ tags: await store.tags(service) });
    case 'drafts':
      return found({ drafts: await store.drafts(service) });
    case 'schema':
      return found({ schema: schemaOf(state) });
    case 'preview_schema':
      return previewSchema(state, request.schema, context);
    case 'export': {
      const { values } = latest.snapshot;
      const secrets = secretPlaces(state, latest.snapshot);
      const explanation = explainNow(state, '', context);
      const source = { service, values, secrets, explanation, stamp: latest.snapshot, now: context.now };
      return found({ text: exportDocument(source, request.format), secrets });
    }
  }
}

function previewSchema(state: ServiceState, schema: JsonObject, { findService }: ReadContext): Outcome {
  try {
    const subject = { ...state, layers: baseLayers(state), isSecret: secretTest(state), findService };
    return found({ preview: previewMigration(subject, compileSchema(schema)) });
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    return { problem: createProblem('document_invalid', cause.message, cause.faults) };
  }
}

const noSetting = (service: string, pointer: string): Refused => ({
  problem: createProblem('setting_unknown', `${service} has no setting ${pointer}; see what it has`),
});

const schemaOf = ({ schema, contracts }: ServiceState): JsonObject | null =>
  schema?.schema ?? contracts[0]?.schema.schema ?? null;

const toLogEntry = ({ snapshot, changed, deleted }: VersionSummary): LogEntry => ({
  version: snapshot.version,
  digest: snapshot.digest,
  committedAt: snapshot.committedAt,
  author: snapshot.author,
  reason: snapshot.reason,
  changed,
  ...(deleted && { deleted }),
});

/** The document of a version, and the entry that the log has of it. */
function show(state: ServiceState, record: VersionRecord): Outcome {
  const { values, restartRequired } = record.snapshot;
  const secrets = secretPlaces(state, record.snapshot);
  return { log: [toLogEntry(record)], found: { document: redactDocument(values, secrets), secrets, restartRequired } };
}

const pageSize = 200;

async function* newestFirst(store: Store, service: string): AsyncGenerator<VersionSummary> {
  let before: number | undefined;
  for (;;) {
    const page = await store.listVersions(service, { limit: pageSize, ...(before !== undefined && { before }) });
    yield* page;
    before = page.at(-1)?.snapshot.version;
    if (before === undefined || page.length < pageSize) return;
  }
}

async function readExplanation(
  state: ServiceState,
  latest: VersionRecord,
  request: Read<'explain'>,
  context: ReadContext,
): Promise<Outcome> {
  const { pointer = '' } = request;
  const at = await findMoment(context.store, state.service, request, latest);
  if ('problem' in at) return at;
  const isPresent = at.record.snapshot.version === latest.snapshot.version;
  const explanation = isPresent
    ? explainNow(state, pointer, context)
    : await explainThen(state, at.record, pointer, context);
  return explanation.length > 0 ? found({ explanation }) : noSetting(state.service, pointer);
}

/** A state is never changed in place, so what explains the whole of it holds as long as there is no other. */
const explained = new WeakMap<ServiceState, readonly Explanation[]>();

function explainNow(state: ServiceState, pointer: Pointer, context: ReadContext): readonly Explanation[] {
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

async function readDiff(state: ServiceState, { from, to }: Read<'diff'>, context: ReadContext): Promise<Outcome> {
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
