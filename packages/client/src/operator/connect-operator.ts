import type { Bus, BusFault, BusOptions } from '@setpoint/bus';
import type { BrokerUrl, MqttTlsOptions } from '@setpoint/bus/mqtt';
import type { Tracing } from '@setpoint/participant';
import {
  createKeyRing,
  createSigner,
  type ExportFormat,
  type Found,
  type HistoryFilter,
  type JsonObject,
  type Moment,
  type Operation,
  type PatchOperation,
  type Pointer,
  parseTrustedKeys,
  type Result,
  type Side,
  type SigningKey,
  type TrustedKeys,
} from '@setpoint/protocol';
import { v4 as newId } from 'uuid';
import { createOperator, type Operator, type OperatorRequestOptions } from './create-operator.ts';
import {
  type ActivateProfileResult,
  type BackupResult,
  type BlameResult,
  type ChangeResult,
  type DiffResult,
  type DraftResult,
  type DraftsResult,
  type ExplainResult,
  type ExportResult,
  type FsckResult,
  type InstancesResult,
  isRefused,
  type LogResult,
  type PreviewSchemaResult,
  type ProfileResult,
  type ProfilesResult,
  type SchemaResult,
  type SearchResult,
  type ShowResult,
  type TagResult,
  type TagsResult,
  toBookmarkResult,
  toChangeResult,
  toFoundResult,
  toValidateResult,
  type ValidateResult,
} from './operation-results.ts';

export interface ConnectOperatorOptions {
  /** The broker: `mqtt://`, `mqtts://`, `ws://` or `wss://`; several are tried in order. */
  readonly url?: string | readonly (string | BrokerUrl)[];
  /** Instead of `url`: makes the bus, for a broker in memory or an adapter of your own. */
  readonly bus?: (options: BusOptions) => Bus;
  readonly tls?: MqttTlsOptions;
  /** The name of the operator: the author of the changes. */
  readonly name: string;
  /** Signs the requests. @default requests are not signed */
  readonly key?: SigningKey;
  /** The keys whose results are believed. @default every result is believed */
  readonly trustedKeys?: TrustedKeys;
  /** The environment's topic prefix. @default "" */
  readonly prefix?: string;
  /** The name of the authority. @default "config-authority" */
  readonly authority?: string;
  /** How long an operation waits for its result. Milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** `openTelemetry()` of `@setpoint/client/opentelemetry`. @default records nothing */
  readonly tracing?: Tracing;
  /** Called when the connection has a fault, such as a broker that is away. It is retried in any case. */
  readonly onFault?: (fault: BusFault) => void;
}

/** Options of every change. */
export type ChangeOptions = OperatorRequestOptions;
/** Options of every read. */
export type ReadOptions = Pick<OperatorRequestOptions, 'id' | 'expiresAt'>;

/**
 * An operator's connection: one method for each operation of the protocol. Refusals are values (`status`); every method
 * throws SetpointError `no_answer` when no result came in time, and `stopped` or BusError when the connection is closed.
 * @see docs/protocol.md#5-request-and-result
 */
export interface OperatorConnection extends AsyncDisposable {
  /** Merges into the runtime layer (RFC 7396): null takes a runtime value away. */
  merge(service: string, patch: JsonObject, options?: ChangeOptions): Promise<ChangeResult>;
  /** Applies a JSON Patch (RFC 6902) to the effective document. */
  patch(service: string, patch: readonly PatchOperation[], options?: ChangeOptions): Promise<ChangeResult>;
  /** Makes this the effective document; schema defaults fill what it leaves out. */
  replace(service: string, values: JsonObject, options?: ChangeOptions): Promise<ChangeResult>;
  /** Like `replace`, with the text of an export: a masked secret keeps its present value. */
  import(service: string, text: string, format: 'yaml' | 'json', options?: ChangeOptions): Promise<ChangeResult>;
  /** Makes a new version with the content of an old one; with `pointers`, only of these places. */
  rollback(
    service: string,
    to: { readonly version: number } | { readonly tag: string },
    options?: ChangeOptions & { readonly pointers?: readonly Pointer[] },
  ): Promise<ChangeResult>;
  /** Ends a service that has no file any more. Its history stays. */
  delete(service: string, options?: ChangeOptions): Promise<ChangeResult>;
  /** Checks a merge patch, or a whole document, without storing it. */
  validate(
    service: string,
    subject: { readonly patch: JsonObject } | { readonly values: JsonObject },
    options?: ChangeOptions & {
      /** Propose a fix; `clamp` also pulls numbers into bounds. */ readonly fix?: boolean | 'clamp';
    },
  ): Promise<ValidateResult>;

  /** The versions of a service, newest first. */
  log(service: string, filter?: HistoryFilter, options?: ReadOptions): Promise<LogResult>;
  /** The differences between two sides. Secrets are masked. */
  diff(service: string, from: Side, to: Side, options?: ReadOptions): Promise<DiffResult>;
  /** One version with its document; the present one by default. */
  show(service: string, moment?: Moment, options?: ReadOptions): Promise<ShowResult>;
  /** Where the value at `pointer`, and every value below it, comes from. */
  explain(service: string, pointer?: Pointer, moment?: Moment, options?: ReadOptions): Promise<ExplainResult>;
  /** Who last changed the value at `pointer`, and every value below it. */
  blame(service: string, pointer?: Pointer, options?: ReadOptions): Promise<BlameResult>;
  /** The document as text for another tool, with secrets masked. */
  export(service: string, format: ExportFormat, options?: ReadOptions): Promise<ExportResult>;
  /** The JSON Schema of the service. */
  schema(service: string, options?: ReadOptions): Promise<SchemaResult>;
  /** What another schema would make of the present document. */
  previewSchema(service: string, schema: JsonObject, options?: ReadOptions): Promise<PreviewSchemaResult>;

  /** Names the present version, or another one. The same name again moves the tag. */
  tag(service: string, tag: string, options?: ChangeOptions & { readonly version?: number }): Promise<TagResult>;
  untag(service: string, tag: string, options?: ChangeOptions): Promise<TagResult>;
  tags(service: string, options?: ReadOptions): Promise<TagsResult>;

  /** Merges into a draft; a new draft begins with the present document. */
  saveDraft(service: string, draft: string, patch: JsonObject, options?: ChangeOptions): Promise<DraftResult>;
  /** Makes the draft a version, unless somebody changed the same places since it was begun. */
  publishDraft(service: string, draft: string, options?: ChangeOptions): Promise<ChangeResult>;
  dropDraft(service: string, draft: string, options?: ChangeOptions): Promise<DraftResult>;
  drafts(service: string, options?: ReadOptions): Promise<DraftsResult>;

  /** Remembers the present version of every service under a name. */
  saveProfile(profile: string, options?: ChangeOptions): Promise<ProfileResult>;
  /** Brings every service of the profile back to its version in it, all or none. */
  activateProfile(profile: string, options?: ChangeOptions): Promise<ActivateProfileResult>;
  dropProfile(profile: string, options?: ChangeOptions): Promise<ProfileResult>;
  profiles(options?: ReadOptions): Promise<ProfilesResult>;

  /** The versions of all services, newest first; `of` limits it to one service. */
  history(filter?: HistoryFilter & { readonly of?: string }, options?: ReadOptions): Promise<LogResult>;
  /** Settings whose place, value or description contains a text. */
  search(text: string, limit?: number, options?: ReadOptions): Promise<SearchResult>;
  /** Which instances run which version, by name; 100 by default, `after` pages on. */
  instances(
    page?: { readonly of?: string; readonly limit?: number; readonly after?: string },
    options?: ReadOptions,
  ): Promise<InstancesResult>;
  /** Verifies every chain of versions. */
  fsck(options?: ReadOptions): Promise<FsckResult>;
  /** Writes a copy of the store into its folder of backups while it is in use. */
  backup(options?: ReadOptions): Promise<BackupResult>;

  /** Calls `listener` when another operator overwrote a change of this one. Returns a function that removes it. */
  onOverwritten(listener: (notice: Result) => void): () => void;
  /** Disconnects. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Connects an operator to an authority over MQTT. Resolves at once: operations wait until broker and authority are there.
 * @throws SetpointError `name_invalid`, `key_malformed`; BusError `url_invalid`, `tls_invalid`
 *
 * @example
 * await using operator = await connectOperator({ url: 'mqtt://127.0.0.1:1883', name: 'alice' });
 * const result = await operator.merge('stt-worker', { vad: { threshold: 0.6 } }, { reason: 'noisy room' });
 * if (result.status === 'applied') console.log(`version ${result.version}`, result.changed);
 * else if (result.status !== 'unchanged') console.error(result.problem.detail);
 */
export async function connectOperator(options: ConnectOperatorOptions): Promise<OperatorConnection> {
  const { name, key, trustedKeys, prefix, authority = 'config-authority', timeoutMs, tracing } = options;
  const signer = key && createSigner(key);
  const keys = trustedKeys && createKeyRing(parseTrustedKeys(trustedKeys));
  const bus = await openBus(options);
  const operator = createOperator({
    bus,
    name,
    signer,
    keys,
    authority,
    ...(prefix !== undefined && { prefix }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(tracing && { tracing }),
  });
  // Operations wait for the connection; faults are reported by `onFault`.
  bus.start().catch(() => undefined);
  return { ...operationsOf(operator, authority), ...lifetimeOf(bus), onOverwritten: operator.onNotice };
}

async function openBus({ url, bus, tls, name, onFault }: ConnectOperatorOptions): Promise<Bus> {
  const busOptions: BusOptions = { ...(onFault && { onFault }) };
  if (bus) return bus(busOptions);
  const { createMqttBus } = await import('@setpoint/bus/mqtt');
  return createMqttBus({
    url: url ?? [],
    clientId: `operator-${name}-${newId().slice(0, 8)}`,
    ...(tls && { tls }),
    ...busOptions,
  });
}

function lifetimeOf(bus: Bus): Pick<OperatorConnection, 'stop' | typeof Symbol.asyncDispose> {
  const stop = (): Promise<void> => bus.stop();
  return { stop, [Symbol.asyncDispose]: stop };
}

type Operations = Omit<OperatorConnection, 'stop' | typeof Symbol.asyncDispose | 'onOverwritten'>;

/** One method for each operation, each with the result type of its own. */
function operationsOf(operator: Pick<Operator, 'request'>, authority: string): Operations {
  const ask = (service: string, operation: Operation, options: OperatorRequestOptions = {}): Promise<Result> =>
    operator.request(service, { ...operation, ...options });
  const change = async (service: string, operation: Operation, options?: ChangeOptions): Promise<ChangeResult> =>
    toChangeResult(await ask(service, operation, options));
  const read = async <Content>(
    service: string,
    operation: Operation,
    options: ReadOptions | undefined,
    contentOf: (result: Result & { readonly found: Found }) => Content | undefined,
  ) => toFoundResult(await ask(service, operation, options), contentOf);
  return {
    merge: (service, patch, options) => change(service, { op: 'merge', patch }, options),
    patch: (service, patch, options) => change(service, { op: 'patch', patch }, options),
    replace: (service, values, options) => change(service, { op: 'replace', values }, options),
    import: (service, text, format, options) => change(service, { op: 'import', text, format }, options),
    rollback: (service, to, { pointers, ...options } = {}) =>
      change(
        service,
        {
          op: 'rollback',
          ...('version' in to ? { toVersion: to.version } : { toTag: to.tag }),
          ...(pointers && { pointers }),
        },
        options,
      ),
    delete: (service, options) => change(service, { op: 'delete' }, options),
    validate: async (service, subject, { fix, ...options } = {}) =>
      toValidateResult(await ask(service, { op: 'validate', ...subject, ...(fix !== undefined && { fix }) }, options)),

    log: (service, filter, options) => read(service, { op: 'log', ...filter }, options, logOf),
    diff: (service, from, to, options) =>
      read(service, { op: 'diff', from, to }, options, ({ diff }) => diff && { diff }),
    show: (service, moment, options) =>
      read(service, { op: 'show', ...moment }, options, ({ log, found: { document, secrets, restartRequired } }) => {
        const entry = log?.[0];
        return entry && document && secrets && restartRequired && { document, secrets, restartRequired, entry };
      }),
    explain: (service, pointer, moment, options) =>
      read(
        service,
        { op: 'explain', ...(pointer !== undefined && { pointer }), ...moment },
        options,
        ({ found: { explanation } }) => explanation && { explanation },
      ),
    blame: (service, pointer, options) =>
      read(
        service,
        { op: 'blame', ...(pointer !== undefined && { pointer }) },
        options,
        ({ found: { blame } }) => blame && { blame },
      ),
    export: (service, format, options) =>
      read(service, { op: 'export', format }, options, ({ found: { text, secrets = [] } }) =>
        text === undefined ? undefined : { text, secrets },
      ),
    schema: (service, options) =>
      read(service, { op: 'schema' }, options, ({ found: { schema } }) =>
        schema === undefined ? undefined : { schema },
      ),
    previewSchema: (service, schema, options) =>
      read(service, { op: 'preview_schema', schema }, options, ({ found: { preview } }) => preview && { preview }),

    tag: async (service, tag, { version, ...options } = {}) =>
      toBookmarkResult(
        await ask(service, { op: 'tag', tag, ...(version !== undefined && { toVersion: version }) }, options),
        tagOf,
      ),
    untag: async (service, tag, options) => toBookmarkResult(await ask(service, { op: 'untag', tag }, options), tagOf),
    tags: (service, options) => read(service, { op: 'tags' }, options, ({ found: { tags } }) => tags && { tags }),

    saveDraft: async (service, draft, patch, options) =>
      toBookmarkResult(await ask(service, { op: 'draft_save', draft, patch }, options), draftOf),
    publishDraft: (service, draft, options) => change(service, { op: 'draft_publish', draft }, options),
    dropDraft: async (service, draft, options) =>
      toBookmarkResult(await ask(service, { op: 'draft_drop', draft }, options), draftOf),
    drafts: (service, options) =>
      read(service, { op: 'drafts' }, options, ({ found: { drafts } }) => drafts && { drafts }),

    saveProfile: async (profile, options) =>
      toBookmarkResult(await ask(authority, { op: 'profile_save', profile }, options), profileOf),
    async activateProfile(profile, options) {
      const result = await ask(authority, { op: 'profile_activate', profile }, options);
      const changed = toChangeResult(result);
      return isRefused(changed) ? changed : { ...changed, services: result.services ?? {} };
    },
    dropProfile: async (profile, options) =>
      toBookmarkResult(await ask(authority, { op: 'profile_drop', profile }, options), profileOf),
    profiles: (options) =>
      read(authority, { op: 'profiles' }, options, ({ found: { profiles } }) => profiles && { profiles }),

    history: (filter, options) => read(authority, { op: 'history', ...filter }, options, logOf),
    search: (text, limit, options) =>
      read(
        authority,
        { op: 'search', text, ...(limit !== undefined && { limit }) },
        options,
        ({ found: { hits } }) => hits && { hits },
      ),
    instances: (page, options) =>
      read(authority, { op: 'instances', ...page }, options, ({ found: { instances } }) => instances && { instances }),
    fsck: (options) =>
      read(authority, { op: 'fsck' }, options, ({ found: { verified, faults } }) =>
        verified === undefined || !faults ? undefined : { verified, faults },
      ),
    backup: (options) =>
      read(authority, { op: 'backup' }, options, ({ found: { file, bytes } }) =>
        file === undefined || bytes === undefined ? undefined : { file, bytes },
      ),
  };
}

const logOf = ({ log }: Result) => log && { log };
const tagOf = ({ tags: [tag] = [] }: Found) => ({ ...(tag && { tag }) });
const draftOf = ({ drafts: [draft] = [] }: Found) => ({ ...(draft && { draft }) });
const profileOf = ({ profiles: [profile] = [] }: Found) => ({ ...(profile && { profile }) });
