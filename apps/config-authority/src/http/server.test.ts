import { freePort } from '@setpoint/test-support/free-port';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Readiness } from '../readiness.ts';
import { identifyByName } from './caller.ts';
import { type HttpOptions, startHttpServer } from './server.ts';

const usual: Omit<HttpOptions, 'host' | 'port' | 'readiness'> = {
  identify: identifyByName,
  logger: pino({ level: 'silent' }),
  maxBodyBytes: 1_048_576,
};

describe('the HTTP server', () => {
  it('is always live, and is ready when the authority is, else says why not', async () => {
    let readiness: Readiness = { isReady: false, reasons: ['the broker is not connected (connecting)'] };
    const port = await freePort();
    const server = await startHttpServer({ ...usual, host: '127.0.0.1', port, readiness: () => readiness });
    try {
      expect(server.url).toBe(`http://127.0.0.1:${port}`);
      const ask = async (path: string) => {
        const response = await fetch(`${server.url}${path}`);
        return [response.status, await response.json()];
      };
      expect(await ask('/health/live')).toEqual([200, { status: 'live' }]);
      expect(await ask('/health/ready')).toEqual([
        503,
        { status: 'not_ready', reasons: ['the broker is not connected (connecting)'] },
      ]);
      readiness = { isReady: true, reasons: ['vad: its file is not valid'] };
      expect(await ask('/health/ready')).toEqual([200, { status: 'ready', reasons: ['vad: its file is not valid'] }]);
      expect((await fetch(`${server.url}/other`)).status).toBe(404);
    } finally {
      await server.stop();
    }
    await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow();
  });

  it('has a usable URL on an IPv6 host', async ({ skip }) => {
    const port = await freePort();
    const readiness = (): Readiness => ({ isReady: true, reasons: [] });
    const server = await startHttpServer({ ...usual, host: '::1', port, readiness }).catch(() => undefined);
    if (!server) return skip('there is no IPv6 here');
    try {
      expect(server.url).toBe(`http://[::1]:${port}`);
      expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
    } finally {
      await server.stop();
    }
  });

  it.each([
    [
      'is taken',
      async () => ({ host: '127.0.0.1', port: await takenPort() }),
      /is taken; stop what uses it, set SETPOINT_HTTP_PORT/,
    ],
    ['is not of this machine', async () => ({ host: '192.0.2.1', port: 1 }), /can't be listened on \(E\w+\)/],
  ])('says what to do when its address %s', async (_, where, message) => {
    const { host, port } = await where();
    await expect(
      startHttpServer({ ...usual, host, port, readiness: () => ({ isReady: true, reasons: [] }) }),
    ).rejects.toMatchObject({ code: 'options_invalid', message: expect.stringMatching(message) });
  });
});

async function takenPort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().unref();
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  return (server.address() as { port: number }).port;
}
