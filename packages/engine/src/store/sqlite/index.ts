export type { Restored, RestoreOptions } from './restore.ts';
export { restoreSqliteStore } from './restore.ts';
export type { SqliteStoreOptions } from './sqlite-store.ts';
export { openSqliteStore } from './sqlite-store.ts';
