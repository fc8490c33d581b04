import { createProblem, type ResultWith, SetpointError, type WireCode, wireCodes } from '@setpoint/protocol';
import Fastify from 'fastify';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { answerProblem } from './error-responses.ts';
import { refuseProblem, refuseResult } from './problems.ts';

type Refused = ResultWith<'rejected' | 'denied' | 'conflict'>;

const resultOf = (status: Refused['status'], code: WireCode): Refused => ({
  status,
  service: 'lamp',
  epoch: 1,
  version: 3,
  changed: [],
  restartRequired: [],
  warnings: [],
  problem: createProblem(code, 'so it is'),
});

describe('a refusal of the engine', () => {
  it.each<[Refused, number, string]>([
    [resultOf('rejected', 'document_invalid'), 422, 'document_invalid'],
    [resultOf('rejected', 'service_unknown'), 404, 'service_unknown'],
    [resultOf('rejected', 'reject_restart_required'), 409, 'reject_restart_required'],
    [resultOf('rejected', 'message_too_large'), 413, 'message_too_large'],
    [resultOf('rejected', 'overloaded'), 503, 'overloaded'],
    [resultOf('rejected', 'store_unavailable'), 503, 'store_unavailable'],
    [resultOf('denied', 'access_denied'), 403, 'access_denied'],
    [resultOf('conflict', 'version_conflict'), 409, 'version_conflict'],
  ])('%j has its HTTP status', (result, status, code) => {
    const { refusal, headers } = refuseResult(result);
    expect(refusal).toMatchObject({ status, code });
    // What may work in a moment says when.
    expect(headers).toEqual(status === 503 ? { 'retry-after': '1' } : {});
  });

  it('Http-02-Problems: has a status of its kind for every code there is', () => {
    for (const code of wireCodes) {
      const { status } = refuseProblem(createProblem(code, '')).refusal;
      expect(status, code).toSatisfy((given: number) => given >= 400 && given < 600 && given !== 500);
    }
  });
});

describe('a thrown error', () => {
  async function answerTo(cause: Error) {
    const lines: string[] = [];
    const server = Fastify({ logger: false, genReqId: () => 'r-1' });
    server.setErrorHandler(answerProblem(pino({}, { write: (line: string) => void lines.push(line) })));
    server.get('/', async () => {
      throw cause;
    });
    const { statusCode, body, headers } = await server.inject('/');
    return { statusCode, body: JSON.parse(body), type: headers['content-type'], logged: lines.join('') };
  }

  it('is only logged when it is unexpected', async () => {
    const { statusCode, body, type, logged } = await answerTo(new Error('ENOENT: /home/ann/hush'));
    expect(body).toEqual({
      type: 'urn:setpoint:problem:internal_error',
      title: 'A fault of the authority',
      status: 500,
      detail: 'it is in the log, under this request id',
      code: 'internal_error',
      requestId: 'r-1',
    });
    expect([statusCode, type]).toEqual([500, 'application/problem+json; charset=utf-8']);
    expect(logged).toContain('/home/ann/hush');
    expect(JSON.parse(logged)).toMatchObject({ id: 'r-1' });
  });

  it('is answered with its own code when that code is public', async () => {
    const faults = [{ pointer: '/a', message: 'must be a number' }];
    const { body } = await answerTo(new SetpointError('file_invalid', 'mend it', { faults }));
    expect(body).toMatchObject({ status: 422, code: 'file_invalid', detail: 'mend it', errors: faults });
  });
});
