import { describe, expect, it } from 'vitest';
import { isLoopback, requireOwnName, requireOwnPage } from './host-check.ts';

describe('a loopback host', () => {
  it.each(['localhost', '127.0.0.1', '127.1.2.3', '::1'])('is %s', (host) => expect(isLoopback(host)).toBe(true));
  it.each(['0.0.0.0', '::', '192.168.1.2', '127.0.0.1.example.org', 'localhost.example.org'])('is not %s', (host) =>
    expect(isLoopback(host)).toBe(false),
  );
});

describe('a request on a loopback host', () => {
  it.each(['localhost', 'localhost:8081', 'LOCALHOST:9000', '127.0.0.1:8081', '[::1]:8081', '127.0.0.1:'])(
    'may name it %s',
    (host) => expect(() => requireOwnName('127.0.0.1', { host })).not.toThrow(),
  );

  it.each([
    'evil.example',
    'evil.example:8081',
    'localhost.evil.example',
    '',
    undefined,
    'localhost@evil.example',
    '[::1',
    '127.0.0.1.nip.io',
  ])('may not name it %s', (host) => {
    const headers = host === undefined ? {} : { host };
    expect(() => requireOwnName('127.0.0.1', headers)).toThrow(
      expect.objectContaining({ refusal: expect.objectContaining({ status: 421 }) }),
    );
  });

  it('may have any name on a host where a key is needed', () => {
    expect(() => requireOwnName('0.0.0.0', { host: 'setpoint.example' })).not.toThrow();
  });
});

describe('a request that changes something', () => {
  it.each([
    [{}],
    [{ 'sec-fetch-site': 'none' }],
    [{ 'sec-fetch-site': 'same-origin', origin: 'http://localhost:8081' }],
    [{ origin: 'http://localhost:8081', host: 'localhost:8081' }],
  ])('may come with %j', (headers) => expect(() => requireOwnPage(headers)).not.toThrow());

  it.each([
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ 'sec-fetch-site': 'cross-site', origin: 'http://localhost:8081', host: 'localhost:8081' }],
    [{ origin: 'https://evil.example', host: 'localhost:8081' }],
    [{ origin: 'null', host: 'localhost:8081' }],
    [{ origin: 'http://localhost:3000', host: 'localhost:8081' }],
  ])('may not come with %j', (headers) => {
    expect(() => requireOwnPage(headers)).toThrow(
      expect.objectContaining({ refusal: expect.objectContaining({ status: 403, code: 'origin_refused' }) }),
    );
  });
});
