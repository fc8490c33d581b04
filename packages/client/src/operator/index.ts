export type { ChangeOptions, ConnectOperatorOptions, OperatorConnection, ReadOptions } from './connect-operator.ts';
export { connectOperator } from './connect-operator.ts';
export type { Operator, OperatorOptions, OperatorRequestOptions } from './create-operator.ts';
export { createOperator } from './create-operator.ts';
export type {
  ActivateProfileResult,
  BackupResult,
  BlameResult,
  Changed,
  ChangeResult,
  DiffResult,
  DraftResult,
  DraftsResult,
  ExplainResult,
  ExportResult,
  FoundResult,
  FsckResult,
  InstancesResult,
  LogResult,
  PreviewSchemaResult,
  ProfileResult,
  ProfilesResult,
  Refused,
  ResultBase,
  SchemaResult,
  SearchResult,
  ShowResult,
  TagResult,
  TagsResult,
  Valid,
  ValidateResult,
} from './operation-results.ts';
export { isRefused } from './operation-results.ts';
