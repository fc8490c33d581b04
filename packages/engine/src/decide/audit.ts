import type { Request, Result } from '@setpoint/protocol';
import type { AuditEntry, VersionRecord } from '../store/store.ts';
import type { ReferenceChange, SourcesChange } from './change.ts';

/** What is kept of a request and its answer. */
export const auditOfRequest = (request: Request, requestId: string, result: Result, at: string): AuditEntry => ({
  at,
  service: request.service,
  requestId,
  author: request.author,
  op: request.op,
  status: result.status,
  reason: request.reason ?? '',
  result,
});

/** What is kept of a version that no operator asked for. */
export const auditOfSources = (
  change: SourcesChange | ReferenceChange,
  { snapshot }: VersionRecord,
  result: Result,
  at: string,
): AuditEntry => ({
  at,
  service: snapshot.service,
  author: snapshot.author,
  op: change.kind === 'sources' ? 'file' : 'reference',
  status: result.status,
  reason: snapshot.reason,
  result,
});
