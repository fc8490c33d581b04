export type { Identity } from './access.ts';
export type {
  Authoring,
  ExportSource,
  FixOptions,
  FixProposal,
  MigrationSubject,
  ParsedImport,
  PresentDocument,
} from './authoring.ts';
export type { ContractRegistry } from './contract-registry.ts';
export { createContractRegistry } from './contract-registry.ts';
export type { ConvergenceTracker, InstanceState } from './convergence.ts';
export { createConvergenceTracker } from './convergence.ts';
export type { SourcesChange } from './decide/change.ts';
export type { ConflictNotice } from './decide/conflict.ts';
export { conflictWindowMs } from './decide/conflict.ts';
export type { Engine, EngineOptions } from './engine.ts';
export { createEngine } from './engine.ts';
export type { ParsedAssignment } from './layer/arguments.ts';
export { parseAssignment } from './layer/arguments.ts';
export { parseEnvFile } from './layer/env-file.ts';
export type { EnvironmentTexts, Variable } from './layer/environment.ts';
export { environmentVariables, readVariables } from './layer/environment.ts';
export type { GatheredFiles, LayFilesOptions, ReadPlaced } from './layer/files.ts';
export { gatherFiles, layFiles } from './layer/files.ts';
export type { Variables } from './layer/interpolate.ts';
export type { Layer, Place } from './layer/layer.ts';
export type { LayTextsOptions, NamedText } from './layer/named-texts.ts';
export { layTexts } from './layer/named-texts.ts';
export type { Override, Setting } from './layer/overrides.ts';
export type { Origin, Resolved, Sources } from './layer/resolve.ts';
export { resolve } from './layer/resolve.ts';
export { editYaml } from './layer/yaml-edit.ts';
export type { ParsedFile, PlacedFile } from './layer/yaml-file.ts';
export { parsePlaced, parseYamlFile } from './layer/yaml-file.ts';
export type { ParsedPolicies, Policies, Retention, ServicePolicy } from './rule/policy.ts';
export { parsePolicies } from './rule/policy.ts';
export type { Finding, OtherServices, Rule, RuleContext, RuleSet } from './rule/rule.ts';
export { createRuleSet } from './rule/rule.ts';
export type { ParsedRules } from './rule/rule-file.ts';
export { parseRuleFile } from './rule/rule-file.ts';
export type { CompiledSchema, SchemaExtras } from './schema/schema.ts';
export { compileSchema } from './schema/schema.ts';

// For authors of stores.
export type {
  AppendResult,
  AuditEntry,
  Backup,
  Bookmark,
  Commit,
  HistoryEntry,
  HistoryFilter,
  HistoryPage,
  HistoryQuery,
  OutboxRow,
  PruneCounts,
  PrunedRange,
  Retention as StoreRetention,
  Store,
  StoredDraft,
  StoredLayers,
  StoredService,
  StoredSources,
  VersionRecord,
  VersionSummary,
} from './store/store.ts';
