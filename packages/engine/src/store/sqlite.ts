export type { Restored, RestoreOptions } from './sqlite-restore.ts';
export { restoreSqliteStore } from './sqlite-restore.ts';
export type { SqliteStoreOptions } from './sqlite-store.ts';
export { openSqliteStore } from './sqlite-store.ts';
