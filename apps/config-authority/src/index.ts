export type { Authority, AuthorityOptions } from './authority.ts';
export { startAuthority } from './authority.ts';
export type { EmbeddedBroker } from './broker/embedded-broker.ts';
export { startEmbeddedBroker } from './broker/embedded-broker.ts';
export type { AuthorityKeys } from './settings/key-files.ts';
export { openAuthorityKeys, readOperatorKeys } from './settings/key-files.ts';
export type { Settings, SettingsOutcome } from './settings/settings.ts';
export { readSettings } from './settings/settings.ts';
