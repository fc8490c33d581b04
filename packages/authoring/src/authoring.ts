import type { Authoring } from '@setpoint/engine';
import { exportDocument } from './export/export-document.ts';
import { parseImport } from './export/parse-import.ts';
import { proposeFix } from './fix/propose-fix.ts';
import { previewMigration } from './migration/preview-migration.ts';

/**
 * What an engine needs to carry out exports, imports, fixes and previews of schemas.
 * @example
 * const engine = await createEngine({ store, authoring });
 * const request = { op: 'export', service: 'vad', author: 'ann', format: 'yaml' } as const;
 * const { found } = await engine.request(request, 'request-1', { requester: 'ann' });
 */
export const authoring: Authoring = { exportDocument, parseImport, proposeFix, previewMigration };
