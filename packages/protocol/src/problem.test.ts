import { describe, expect, it } from 'vitest';
import { createProblem, isWireCode, SetpointError, wireCodes } from './problem.ts';

describe('createProblem', () => {
  it('builds a problem with the members of RFC 9457 and the code', () => {
    expect(createProblem('version_conflict', 'vad is at version 7, 6 was expected')).toEqual({
      type: 'urn:setpoint:problem:version_conflict',
      title: 'The version is not the expected one',
      detail: 'vad is at version 7, 6 was expected',
      code: 'version_conflict',
    });
  });

  it('carries every fault, and leaves `errors` out when there is none', () => {
    const faults = [{ pointer: '/a', message: 'must be a number' }];
    expect(createProblem('document_invalid', 'one fault', faults).errors).toEqual(faults);
    expect('errors' in createProblem('document_invalid', 'none', [])).toBe(false);
  });

  it('has a title for every wire code', () => {
    expect(wireCodes.map((code) => createProblem(code, '').title).every((title) => /^[A-Z].+/.test(title))).toBe(true);
  });
});

describe('wireCodes', () => {
  it('wireCodes is the list of codes that docs/protocol.md explains', () => {
    expect(wireCodes).toEqual([
      'document_invalid',
      'request_malformed',
      'request_expired',
      'request_id_reused',
      'patch_failed',
      'service_unknown',
      'service_has_file',
      'version_unknown',
      'version_conflict',
      'overwritten',
      'access_denied',
      'restart_required',
      'reject_restart_required',
      'tag_unknown',
      'draft_unknown',
      'draft_conflict',
      'profile_unknown',
      'setting_unknown',
      'message_too_large',
      'store_unavailable',
      'overloaded',
      'file_invalid',
      'file_missing',
      'version_reused',
      'snapshot_refused',
      'handler_failed',
      'apply_timeout',
      'verify_failed',
      'quarantined',
    ]);
  });
});

describe('isWireCode', () => {
  it('tells wire codes from the codes that stay inside a process', () => {
    expect(isWireCode('version_conflict')).toBe(true);
    expect(isWireCode('key_unknown')).toBe(false);
  });
});

describe('SetpointError', () => {
  it('carries its code and cause, and no faults unless some are given', () => {
    const cause = new Error('below');
    const error = new SetpointError('name_invalid', 'what, why, what to do', { cause });
    expect(error).toBeInstanceOf(Error);
    expect({ ...error, message: error.message, cause: error.cause }).toEqual({
      name: 'SetpointError',
      code: 'name_invalid',
      message: 'what, why, what to do',
      cause,
      faults: [],
    });
  });

  it('carries every fault that it is given', () => {
    const faults = [{ pointer: '', message: 'must be an object' }];
    expect(new SetpointError('message_unexpected', 'one fault', { faults }).faults).toEqual(faults);
  });
});
