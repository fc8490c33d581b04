import {
  createProblem,
  isStoreOperation,
  type JsonObject,
  type Result,
  readPointer,
  SetpointError,
} from '@setpoint/protocol';
import { authorise, mayRead } from '../access.ts';
import { withoutAuthoring } from '../authoring.ts';
import { redactDocument } from '../schema/redact-document.ts';
import { compileSchema } from '../schema/schema.ts';
import {
  answer,
  baseLayers,
  isDeleted,
  type ServiceState,
  schemasOf,
  secretPlaces,
  secretTest,
} from '../service-state.ts';
import type { VersionRecord } from '../store/store.ts';
import { findMoment } from '../version/find-version.ts';
import { blame } from './blame.ts';
import { readDiff } from './diff.ts';
import { explainNow, readExplanation } from './explain-version.ts';
import { verifyChains } from './fsck.ts';
import { pageOfInstances } from './known-instances.ts';
import { newestFirst, readHistory, readLog, toLogEntry } from './log.ts';
import { found, noSetting, type Read, type ReadContext, type ReadOutcome, type ReadRequest } from './read-context.ts';
import { search } from './search.ts';

type StoreRead = Read<'profiles' | 'history' | 'search' | 'instances' | 'fsck'>;

const defaultHits = 50;

/** Answers a request that only reads. Whether it is allowed is decided as for a change. */
export async function read(state: ServiceState, request: ReadRequest, context: ReadContext): Promise<Result> {
  const { epoch } = context.store;
  const denied = authorise(context.identity, request);
  if (denied) return answer(state, epoch, 'denied', { problem: createProblem('access_denied', denied) });
  const outcome = isStoreOperation(request)
    ? await readStore(request, context)
    : await readService(state, request, context);
  return 'problem' in outcome ? answer(state, epoch, 'rejected', outcome) : answer(state, epoch, 'found', outcome);
}

async function readStore(
  request: StoreRead,
  { store, states, instances, identity }: ReadContext,
): Promise<ReadOutcome> {
  switch (request.op) {
    case 'profiles':
      return found({ profiles: await store.profiles() });
    case 'history':
      return readHistory(store, request, identity);
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

const toSearchable = (state: ServiceState) => ({
  service: state.service,
  values: state.latest?.snapshot.values ?? {},
  isSecret: secretTest(state),
  shapes: schemasOf(state).map(({ shape }) => shape),
});

type ServiceRead = Exclude<ReadRequest, StoreRead>;

async function readService(state: ServiceState, request: ServiceRead, context: ReadContext): Promise<ReadOutcome> {
  const { service, latest } = state;
  const { store } = context;
  if (!latest) {
    // A schema may exist, and be asked for, before the service does.
    const isKnown = request.op === 'schema' && (state.schema !== undefined || state.contracts.length > 0);
    if (!isKnown) return { problem: createProblem('service_unknown', `there is no service ${service}`) };
    return found({ schema: schemaOf(state) });
  }
  // A deleted service has a history and nothing else.
  const isPast = 'version' in request || 'tag' in request || 'at' in request;
  if (isDeleted(state) && ['show', 'explain', 'blame', 'export'].includes(request.op) && !isPast) {
    return { problem: createProblem('service_unknown', `${service} was deleted; see its log`) };
  }
  switch (request.op) {
    case 'log':
      return readLog(store, service, request);
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
      if (!context.authoring) return { problem: withoutAuthoring('export') };
      const { values } = latest.snapshot;
      const secrets = secretPlaces(state, latest.snapshot);
      const explanation = explainNow(state, '', context);
      const source = { service, values, secrets, explanation, stamp: latest.snapshot, now: context.now };
      return found({ text: context.authoring.exportDocument(source, request.format), secrets });
    }
  }
}

function previewSchema(state: ServiceState, schema: JsonObject, { findService, authoring }: ReadContext): ReadOutcome {
  if (!authoring) return { problem: withoutAuthoring('preview a schema') };
  try {
    const subject = { ...state, layers: baseLayers(state), isSecret: secretTest(state), findService };
    return found({ preview: authoring.previewMigration(subject, compileSchema(schema)) });
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    return { problem: createProblem('document_invalid', cause.message, cause.faults) };
  }
}

const schemaOf = ({ schema, contracts }: ServiceState): JsonObject | null =>
  schema?.schema ?? contracts[0]?.schema.schema ?? null;

/** The document of a version, and the entry that the log has of it. */
function show(state: ServiceState, record: VersionRecord): ReadOutcome {
  const { values, restartRequired } = record.snapshot;
  const secrets = secretPlaces(state, record.snapshot);
  return { log: [toLogEntry(record)], found: { document: redactDocument(values, secrets), secrets, restartRequired } };
}
