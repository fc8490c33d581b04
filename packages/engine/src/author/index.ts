export { compileSchema } from '../schema/schema.ts';
export { writeDocs } from './docs.ts';
export { writeExample } from './example.ts';
export type { SettingRow } from './settings.ts';
export { describeSettings } from './settings.ts';
