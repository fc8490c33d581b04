export type { Authority, AuthorityOptions } from './authority.ts';
export { startAuthority } from './authority.ts';
export type { EmbeddedBroker } from './embedded-broker.ts';
export { startEmbeddedBroker } from './embedded-broker.ts';
export type { AuthorityKeys } from './key-files.ts';
export { openAuthorityKeys, readOperatorKeys } from './key-files.ts';
export type { Settings, SettingsOutcome } from './settings.ts';
export { readSettings } from './settings.ts';
