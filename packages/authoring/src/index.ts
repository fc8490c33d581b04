export { authoring } from './authoring.ts';
export { writeDocs } from './settings/docs.ts';
export { writeExample } from './settings/example.ts';
export type { SettingRow } from './settings/settings.ts';
export { describeSettings } from './settings/settings.ts';
