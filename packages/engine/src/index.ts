export type { Identity } from './access.ts';
export type { SourcesChange } from './change.ts';
export type { ConflictNotice } from './conflict.ts';
export { conflictWindowMs } from './conflict.ts';
export type { ConvergenceTracker } from './convergence.ts';
export { createConvergenceTracker } from './convergence.ts';
export type { Engine, EngineOptions } from './engine.ts';
export { createEngine } from './engine.ts';
export type { Layer, LayerName, Place } from './layer/layer.ts';
export { layerNames } from './layer/layer.ts';
export type { Override } from './layer/overrides.ts';
export type { ParsedFile } from './layer/yaml-file.ts';
export { parseYamlFile } from './layer/yaml-file.ts';
export type { Origin, Resolved, Sources } from './resolve.ts';
export { resolve } from './resolve.ts';
export type { CompiledSchema } from './schema.ts';
export { compileSchema } from './schema.ts';
export type {
  AppendResult,
  AuditEntry,
  Commit,
  HistoryPage,
  OutboxRow,
  Store,
  StoredService,
  VersionRecord,
  VersionSummary,
} from './store/store.ts';
