export type { Digest } from './digest.ts';
export { digestOf, stringifySorted } from './digest.ts';
export type { Envelope } from './envelope/envelope.ts';
export { defaultMaxEnvelopeBytes, portableEnvelopeBytes } from './envelope/envelope.ts';
export type { OpenedEnvelope, OpenOptions } from './envelope/open-envelope.ts';
export { openEnvelope } from './envelope/open-envelope.ts';
export type {
  EnvelopeContent,
  EnvelopeWriter,
  EnvelopeWriterOptions,
  SealedEnvelope,
} from './envelope/write-envelope.ts';
export { createEnvelopeWriter } from './envelope/write-envelope.ts';
export type { JsonObject, JsonValue } from './json.ts';
export { deepFreeze, findUnsafeJson, isEqualJson, isJsonObject, maxDepth } from './json.ts';
export type { KeyRing, KeyRole, Signer, SigningKey, TrustedKey, TrustedKeys } from './keys.ts';
export {
  createKeyRing,
  createSigner,
  createSigningKey,
  isKeyFor,
  parseSigningKey,
  parseTrustedKeys,
  trustedKeyOf,
} from './keys.ts';
export type { Contract } from './message/contract.ts';
export { contractType } from './message/contract.ts';
export type { Convergence, InstanceStanding, Straggler } from './message/convergence.ts';
export { convergenceType, maxStragglers } from './message/convergence.ts';
export { faultMembers } from './message/fields.ts';
export type { ApplyAttempt, ConfigReport, Health, HealthEvent, HealthState } from './message/health.ts';
export { healthType } from './message/health.ts';
export type { Keepalive } from './message/keepalive.ts';
export { keepaliveType, maxRecentServices } from './message/keepalive.ts';
export type { Messages, MessageType, OpenedMessage } from './message/message.ts';
export { messageSchemas, openMessage, parseData, tryOpenMessage } from './message/message.ts';
export type {
  BookmarkOperation,
  ExportFormat,
  HistoryFilter,
  Moment,
  Operation,
  PatchOperation,
  ReadOperation,
  Rewrite,
  Side,
  StoreOperation,
} from './message/operation.ts';
export { exportFormats, isLabel, isReadOperation, isStoreOperation, maxLogEntries } from './message/operation.ts';
export type {
  Blame,
  ChainFault,
  Difference,
  DraftSummary,
  Explanation,
  Found,
  KnownInstance,
  LayerName,
  LayerValue,
  Profile,
  SchemaPreview,
  SearchHit,
  Tag,
} from './message/read-results.ts';
export { layerNames } from './message/read-results.ts';
export type { Request, RequestOptions } from './message/request.ts';
export { requestType } from './message/request.ts';
export type {
  AppliedResult,
  ConflictResult,
  DuplicateResult,
  Fix,
  FoundResult,
  LogEntry,
  RefusedResult,
  Result,
  ResultBase,
  ResultStatus,
  ResultWith,
  ValidResult,
} from './message/result.ts';
export { resultType } from './message/result.ts';
export type { Snapshot } from './message/snapshot.ts';
export { mask, snapshotType } from './message/snapshot.ts';
export { newMessageId } from './message-id.ts';
export type { Stamp, Verdict } from './order.ts';
export { isNewer, judge } from './order.ts';
export type { Pointer } from './pointer.ts';
export {
  appendToken,
  changedPointers,
  formatPointer,
  isOverlapping,
  isWithin,
  parsePointer,
  readPointer,
} from './pointer.ts';
export type { Fault, Level, Problem, SetpointErrorCode, Severity, WireCode } from './problem.ts';
export { createProblem, isWireCode, levels, SetpointError, severities, wireCodes } from './problem.ts';
export type { Address, Topics } from './topic.ts';
export { anyName, clientIdOf, createTopics, isName, parseName } from './topic.ts';
